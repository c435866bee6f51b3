/** One connection to a stream of server-sent events over `fetch`, which unlike the browser's EventSource can carry an API key. */
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { event_stream_type, stream_heartbeat_ms } from '../shared/contract/task-stream.ts'
import { LanekeeperUnreachable } from './error.ts'
import { failureOf, parseJson, reasonOf, retryable_statuses, type Transport } from './http.ts'

/** After so long without a byte the connection counts as lost. */
const silence_ms = 3 * stream_heartbeat_ms

export interface Wanted {
  /** Without a slash at the end. */
  readonly url: string
  /** Path and query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** What a connection brings. `over`: there is nothing to come for any more. */
export type Received =
  | { readonly kind: 'event'; readonly event: EventSourceMessage }
  | { readonly kind: 'retry'; readonly ms: number }
  | { readonly kind: 'over' }

/** Nobody streams now; it may be tried again. */
export class StreamUnavailable extends Error {
  override readonly name = 'StreamUnavailable'
}

/** Whatever comes first: the answer, or the end of patience. */
const within = async <T>(transport: Transport, signal: AbortSignal, answer: Promise<T>): Promise<T> => {
  const answered = new AbortController()
  const silence = transport.sleep(silence_ms, AbortSignal.any([signal, answered.signal])).then((): never => {
    throw new StreamUnavailable('nothing was heard for too long')
  })
  try {
    return await Promise.race([answer, silence])
  } finally {
    silence.catch(() => undefined)
    answered.abort()
  }
}

const connect = async (transport: Transport, { url, path, headers, signal }: Wanted): Promise<Response> => {
  const authorization: Record<string, string> = transport.key === undefined ? {} : { authorization: `Bearer ${transport.key}` }
  const init = { headers: { ...headers, ...authorization, accept: event_stream_type }, signal }
  const response = await within(transport, signal, transport.fetch(`${url}${path}`, init)).catch((cause: unknown) => {
    throw new StreamUnavailable(`${url} did not answer (${reasonOf(cause)})`, { cause: new LanekeeperUnreachable(url, reasonOf(cause), { cause }) })
  })
  if (response.ok) return response
  const text = await response.text()
  const failure = failureOf({ method: 'GET', path }, response, parseJson(text), text, response.headers.get('x-request-id') ?? undefined)
  throw retryable_statuses.includes(response.status) || response.status >= 500 ? new StreamUnavailable(failure.message, { cause: failure }) : failure
}

/**
 * What one connection brings, until it ends. Throws LanekeeperError where the API refuses, and StreamUnavailable where nothing answers
 * or a connection breaks. What was parsed is yielded before more is read.
 */
export async function* receive(transport: Transport, wanted: Wanted): AsyncGenerator<Received, undefined> {
  const response = await connect(transport, wanted)
  if (response.status === 204) return void (yield { kind: 'over' })
  const received: Received[] = []
  const parser = createParser({
    onEvent: (event) => void received.push({ kind: 'event', event }),
    onRetry: (ms) => void received.push({ kind: 'retry', ms }),
  })
  const decoder = new TextDecoder()
  const reader = response.body?.getReader()
  for (;;) {
    const read = await within(transport, wanted.signal, reader?.read() ?? Promise.resolve({ done: true, value: undefined } as const)).catch(
      (cause: unknown) => {
        throw new StreamUnavailable(`the stream broke (${reasonOf(cause)})`, { cause })
      },
    )
    if (read.done) return undefined
    parser.feed(decoder.decode(read.value, { stream: true }))
    yield* received.splice(0)
  }
}
