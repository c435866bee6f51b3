/**
 * What runner and shim say to each other over the unix socket: one byte of kind, four of length, the payload.
 * To the shim: `start`, then `stdin`, `stdin_end`, `signal`. From it: `stdout`, `stderr`, and `exit` once; then the next may start.
 */
import * as z from 'zod'

/** In the folder that both containers share. */
export const shim_socket_name = 'shim.sock'

export const frame_kinds = { start: 0, stdin: 1, stdout: 1, stderr: 2, stdin_end: 2, signal: 3, exit: 4 } as const

export const StartFrame = z.strictObject({
  argv: z.array(z.string()).min(1),
  env: z.record(z.string(), z.string()),
  cwd: z.string(),
  bridges: z.array(z.strictObject({ port: z.int(), socket: z.string() })),
})
export const SignalFrame = z.enum(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL'])
export const ExitFrame = z.strictObject({ code: z.int().nullable(), signal: z.string().nullable(), failure: z.string().optional() })

const header_bytes = 5
const payload_bytes_max = 16 * 1_048_576

export const frame = (kind: keyof typeof frame_kinds, payload: string | Uint8Array = ''): Buffer => {
  const body = Buffer.from(payload)
  const header = Buffer.alloc(header_bytes)
  header.writeUInt8(frame_kinds[kind], 0)
  header.writeUInt32BE(body.length, 1)
  return Buffer.concat([header, body])
}

export interface Frame {
  readonly kind: number
  readonly payload: Buffer
}

/** Takes what arrives, gives the frames that are whole by now. Throws on a length that nobody sends. */
export const createFrameReader = (): ((piece: Buffer) => readonly Frame[]) => {
  let held: Buffer = Buffer.alloc(0)
  return (piece) => {
    held = held.length === 0 ? piece : Buffer.concat([held, piece])
    const frames: Frame[] = []
    while (held.length >= header_bytes) {
      const length = held.readUInt32BE(1)
      if (length > payload_bytes_max) throw new Error(`a frame of ${length} bytes`)
      if (held.length < header_bytes + length) break
      frames.push({ kind: held.readUInt8(0), payload: held.subarray(header_bytes, header_bytes + length) })
      held = held.subarray(header_bytes + length)
    }
    return frames
  }
}
