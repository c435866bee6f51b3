/**
 * The agent's own output on its way to the plane: redacted, cut into entries, numbered, and sent in batches. A batch is repeated as it
 * is until it is answered, so that a repeat overwrites itself. What waits is bounded: a writer that is faster than the plane waits.
 */
import { redactText } from '../shared/domain/redact.ts'
import type { LogEntry } from '../shared/domain/event.ts'
import type { Plane } from './plane.ts'
import { pause, type Stop } from './stop.ts'

export type LogStream = LogEntry['stream']
export type LogChunkType = LogEntry['chunk_type']

export interface Log {
  /** Takes what must not hold a secret any more or is redacted here; resolves when there is room for more. */
  write(stream: LogStream, chunk_type: LogChunkType, data: string): Promise<void>
  /** Resolves when everything was sent, or it is known that it never will be. */
  flush(): Promise<void>
}

const batch_bytes_max = 65_536
const batch_entries_max = 500
const batch_delay_ms = 250
/** In UTF-16 units, at most three bytes each: one entry fits the smallest batch and the plane's chunk. */
const entry_length_max = 16_000
/** What may wait before writers do. */
const waiting_bytes_max = 1_048_576
/** What one attempt may log; the rest is dropped, and says so. */
export const log_bytes_max = 32 * 1_048_576
const send_within_ms = 600_000

const flush_within_ms = 30_000

/** Waits until what was logged is with the plane, or will not be soon: what is told after it is then told of a log that is whole. */
export const logsArrive = async (log: Pick<Log, 'flush'>, stop: Stop): Promise<void> => {
  const flushed = new AbortController()
  const patience = pause(flush_within_ms, AbortSignal.any([stop.hard, flushed.signal]))
  await Promise.race([log.flush(), patience])
  flushed.abort()
}

/** Cuts a text into parts of at most `length_max`, not between the halves of a surrogate pair. */
export const cutText = (text: string, length_max: number): readonly string[] => {
  const parts: string[] = []
  for (let from = 0; from < text.length;) {
    const at = Math.min(text.length, from + length_max)
    const last = text.charCodeAt(at - 1)
    const to = at < text.length && last >= 0xd800 && last <= 0xdbff && at - 1 > from ? at - 1 : at
    parts.push(text.slice(from, to))
    from = to
  }
  return parts
}

const sizeOf = (entry: LogEntry): number => Buffer.byteLength(entry.data) + 100

const takeBatch = (waiting: LogEntry[]): LogEntry[] => {
  let bytes = 0
  let count = 0
  for (const entry of waiting) {
    bytes += sizeOf(entry)
    if (count === batch_entries_max || (count > 0 && bytes > batch_bytes_max)) break
    count++
  }
  return waiting.splice(0, count)
}

export interface LogInput {
  readonly plane: Plane
  readonly stop: Stop
  readonly secrets: readonly string[]
}

interface Sender {
  append(entry: LogEntry): void
  /** Resolves when what waits has shrunk enough. */
  room(): Promise<void>
  flush(): Promise<void>
  /** The plane cannot be told anything any more. */
  lost(): boolean
}

/** Sends one batch at a time, in order, after a short wait: so that a burst becomes one call. */
const createSender = ({ plane, stop }: LogInput): Sender => {
  const waiting: LogEntry[] = []
  let waiting_bytes = 0
  let lost = false
  let sending: Promise<void> | undefined
  let hurry = new AbortController()
  let roomy: (() => void)[] = []

  const sendBatch = async (): Promise<void> => {
    const batch = takeBatch(waiting)
    waiting_bytes -= batch.reduce((sum, entry) => sum + sizeOf(entry), 0)
    const answer = await plane.logs(batch, { within_ms: send_within_ms, signal: stop.hard })
    if (!answer.ok && answer.why === 'superseded') stop.request('superseded')
    if (!answer.ok && answer.why !== 'refused') {
      lost = true
      waiting.length = 0
      waiting_bytes = 0
    }
    const callers = roomy
    roomy = []
    for (const caller of callers) caller()
  }
  const isFull = (): boolean => waiting_bytes >= batch_bytes_max || waiting.length >= batch_entries_max
  const send = async (): Promise<void> => {
    while (waiting.length > 0) {
      if (!isFull()) await pause(batch_delay_ms, hurry.signal)
      await sendBatch()
    }
    sending = undefined
  }
  return {
    append: (entry) => {
      waiting.push(entry)
      waiting_bytes += sizeOf(entry)
      if (isFull()) hurry.abort()
      if (sending !== undefined) return
      hurry = new AbortController()
      sending = send()
    },
    room: async () => {
      if (waiting_bytes > waiting_bytes_max) await new Promise<void>((resolve) => roomy.push(resolve))
    },
    flush: async () => {
      while (sending !== undefined) {
        hurry.abort()
        await sending
      }
    },
    lost: () => lost,
  }
}

export const createLog = (input: LogInput): Log => {
  const sender = createSender(input)
  let written_bytes = 0
  let last_seq = 0
  let full = false
  const append = (stream: LogStream, chunk_type: LogChunkType, data: string): void => {
    const entry: LogEntry = { seq: ++last_seq, timestamp: Date.now(), stream, chunk_type, data }
    written_bytes += sizeOf(entry)
    sender.append(entry)
  }
  return {
    write: async (stream, chunk_type, data) => {
      if (sender.lost() || full || data === '') return
      for (const part of cutText(redactText(data, input.secrets), entry_length_max)) append(stream, chunk_type, part)
      if (written_bytes > log_bytes_max) {
        full = true
        append('system', 'notice', `This attempt has written ${log_bytes_max / 1_048_576} MiB of log; the rest of its output is not kept.`)
      }
      await sender.room()
    },
    flush: sender.flush,
  }
}
