/**
 * The runner's side of its doorbell (shared/contract/doorbell.ts): a WebSocket that is opened once the attempt has lived for a while, and
 * again whenever it closes. Best effort: whatever fails here costs the time to the next heartbeat.
 */
import { doorbell_protocol } from '../shared/contract/doorbell.ts'
import { pause } from './stop.ts'

export interface Doorbell {
  /** Hangs up, for good. */
  end(): Promise<void>
}

export interface DoorbellInput {
  /** Undefined: this deployment has none. */
  readonly url: string | undefined
  /** The attempt token. */
  readonly token: string
  /** Called for each ring, and when the connection is there: what was ordered before is not rung again. */
  readonly onRing: () => void
  /** A short attempt has no use for a doorbell, and would pay for it with a write. */
  readonly after_ms?: number
}

const after_ms_default = 2_000
const again_ms_min = 1_000
const again_ms_max = 60_000
/** A connection that lasted this long was a good one: the next is tried soon. */
const good_ms = 30_000

/** One connection, from its opening to its end, whoever ends it. */
const connected = ({ url, token, onRing }: DoorbellInput & { readonly url: string }, ended: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const socket = new WebSocket(url, [doorbell_protocol, token])
    const hangUp = () => socket.close()
    ended.addEventListener('abort', hangUp, { once: true })
    socket.addEventListener('open', onRing)
    socket.addEventListener('message', onRing)
    // What failed is followed by `close`.
    socket.addEventListener('error', () => undefined)
    socket.addEventListener('close', () => {
      ended.removeEventListener('abort', hangUp)
      resolve()
    })
  })

const keepConnected = async (input: DoorbellInput & { readonly url: string }, ended: AbortSignal): Promise<void> => {
  let again_ms = again_ms_min
  await pause(input.after_ms ?? after_ms_default, ended)
  while (!ended.aborted) {
    const began_ms = performance.now()
    await connected(input, ended)
    again_ms = performance.now() - began_ms > good_ms ? again_ms_min : Math.min(again_ms * 2, again_ms_max)
    await pause(again_ms * (0.5 + Math.random() / 2), ended)
  }
}

export const startDoorbell = (input: DoorbellInput): Doorbell => {
  const ended = new AbortController()
  const { url } = input
  const kept = url === undefined ? Promise.resolve() : keepConnected({ ...input, url }, ended.signal).catch(() => undefined)
  return {
    end: async () => {
      ended.abort()
      // A peer that does not answer the closing handshake must not hold up the attempt.
      await Promise.race([kept, pause(500)])
    },
  }
}
