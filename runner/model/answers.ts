/** Reads the events out of a model's answer while it passes by, in the three ways it may be written. What cannot be read is passed over. */

/** Takes the bytes of an answer; says each JSON value in it. */
export interface AnswerReader {
  push(bytes: Uint8Array): void
  end(): void
}

/** An event is far smaller; what grows beyond this is not held. */
const held_bytes_max = 8 * 1_048_576

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Server-sent events: the data of each line. */
const readSse = (see: (value: unknown) => void): AnswerReader => {
  const decoder = new TextDecoder()
  let held = ''
  return {
    push: (bytes) => {
      held += decoder.decode(bytes, { stream: true })
      const lines = held.split('\n')
      held = lines.pop() ?? ''
      if (held.length > held_bytes_max) held = ''
      for (const line of lines) if (line.startsWith('data:')) see(parse(line.slice('data:'.length)))
    },
    end: () => undefined,
  }
}

/** One JSON document. */
const readJson = (see: (value: unknown) => void): AnswerReader => {
  const chunks: Uint8Array[] = []
  let bytes_held = 0
  return {
    push: (bytes) => {
      bytes_held += bytes.length
      if (bytes_held <= held_bytes_max) chunks.push(bytes)
    },
    end: () => see(parse(Buffer.concat(chunks).toString())),
  }
}

const prelude_bytes = 12
const checksum_bytes = 4

/** Amazon's event stream: each frame's payload is `{"bytes": base64 of an event}`. Checksums are the agent's to check. */
const readEventStream = (see: (value: unknown) => void): AnswerReader => {
  let held: Buffer = Buffer.alloc(0)
  return {
    push: (bytes) => {
      held = Buffer.concat([held, bytes])
      while (held.length >= prelude_bytes) {
        const total = held.readUInt32BE(0)
        const headers = held.readUInt32BE(4)
        if (total < prelude_bytes + headers + checksum_bytes || total > held_bytes_max) {
          held = Buffer.alloc(0)
          return
        }
        if (held.length < total) return
        const frame = parse(held.subarray(prelude_bytes + headers, total - checksum_bytes).toString())
        if (typeof frame === 'object' && frame !== null && 'bytes' in frame && typeof frame.bytes === 'string')
          see(parse(Buffer.from(frame.bytes, 'base64').toString()))
        held = held.subarray(total)
      }
    },
    end: () => undefined,
  }
}

/** @param content_type of the answer */
export const readAnswer = (content_type: string, see: (value: unknown) => void): AnswerReader => {
  if (content_type.startsWith('text/event-stream')) return readSse(see)
  return content_type.startsWith('application/vnd.amazon.eventstream') ? readEventStream(see) : readJson(see)
}
