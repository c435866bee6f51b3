/** A log file that cannot fill the disk: at `bytes_max` it becomes `<name>.1`, replacing the one before, and a new one begins. */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

export interface LogFile {
  write(text: string | Uint8Array): void
}

/**
 * Written at once and in order; a crash loses nothing that was written. The file stays open, and is closed with the process: a function
 * writes a line for each request.
 */
export const openLogFile = (path: string, bytes_max = 5 * 1_048_576): LogFile => {
  mkdirSync(dirname(path), { recursive: true })
  let file = openSync(path, 'a')
  let bytes = fstatSync(file).size
  const begin = () => {
    renameSync(path, `${path}.1`)
    closeSync(file)
    file = openSync(path, 'a')
    bytes = 0
  }
  return {
    write: (text) => {
      if (bytes >= bytes_max) begin()
      const content = typeof text === 'string' ? Buffer.from(text) : text
      writeSync(file, content)
      bytes += content.length
    },
  }
}
