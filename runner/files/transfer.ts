/** Bytes to and from the URLs that the plane hands out. They carry their own right in the query: they are never logged. */
import { createWriteStream, openAsBlob } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pause } from '../stop.ts'

const tries_max = 4
const backoff_ms = 250
const transfer_timeout_ms = 300_000

/** Repeats what failed for a reason that may pass. */
const repeated = async (what: string, tryOnce: () => Promise<number>, signal: AbortSignal): Promise<void> => {
  let last = ''
  for (let tries = 0; tries < tries_max; tries++) {
    if (tries > 0) await pause(backoff_ms * 2 ** tries, signal)
    if (signal.aborted) break
    try {
      const status = await tryOnce()
      if (status >= 200 && status < 300) return
      last = `status ${status}`
      if (status < 500 && status !== 429 && status !== 408) break
    } catch (error) {
      last = error instanceof Error ? `${error.name}${error.cause instanceof Error ? `: ${error.cause.message}` : ''}` : 'no answer'
    }
  }
  throw new Error(`${what} failed: ${last}`)
}

const within = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(transfer_timeout_ms)])

export const download = (url: string, file: string, bytes_max: number, signal: AbortSignal): Promise<void> =>
  repeated(
    'loading the session files',
    async () => {
      const response = await fetch(url, { signal: within(signal) })
      if (!response.ok || response.body === null) return response.ok ? 500 : response.status
      let bytes = 0
      const counted = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
        for await (const chunk of source) {
          bytes += chunk.length
          if (bytes > bytes_max) throw new Error('the session files are larger than is ever kept')
          yield chunk
        }
      }
      await pipeline(Readable.from(counted(response.body)), createWriteStream(file))
      return response.status
    },
    signal,
  )

/** Streams the file from disk with its exact length. */
export const upload = (url: string, file: string, signal: AbortSignal): Promise<void> =>
  repeated('saving the session files', async () => (await fetch(url, { method: 'PUT', body: await openAsBlob(file), signal: within(signal) })).status, signal)
