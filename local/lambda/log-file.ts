/** A log file that cannot fill the disk: at `bytes_max` it becomes `<name>.1`, replacing the one before, and a new one begins. */
import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

export interface LogFile {
  write(text: string | Uint8Array): void
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

/** Written at once and in order; a crash loses nothing that was written. */
export const openLogFile = (path: string, bytes_max = 5 * 1_048_576): LogFile => {
  mkdirSync(dirname(path), { recursive: true })
  let bytes = sizeOf(path)
  return {
    write: (text) => {
      if (bytes >= bytes_max) {
        renameSync(path, `${path}.1`)
        bytes = 0
      }
      appendFileSync(path, text)
      bytes += typeof text === 'string' ? Buffer.byteLength(text) : text.length
    },
  }
}
