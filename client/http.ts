/**
 * One request with retries where a repeat is harmless: on network errors, and where the plane or the gateway before it was too
 * busy or silent (429, 502, 503, 504). With full jitter.
 */
import { LanekeeperError, LanekeeperUnreachable, ProblemDetails } from './error.ts'

export interface Transport {
  readonly url: string
  /** Sent as a bearer token. Without one only public routes answer. */
  readonly key?: string | undefined
  readonly fetch: typeof fetch
  /** Resolves after `ms`, or at once when the signal is aborted. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
  /** A number from 0 up to but not including 1. */
  readonly random: () => number
  /** Tries in all. */
  readonly tries_max: number
  /** How long one try may take. The HTTP API in front of a deployment gives up after 30 s itself. */
  readonly timeout_ms: number
}

export interface Outgoing {
  readonly method: string
  /** Path and query, beginning with a slash. */
  readonly path: string
  /** Beside those that every request has. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** A repeat of this request changes nothing more than the request itself. */
  readonly is_idempotent: boolean
  readonly signal?: AbortSignal | undefined
}

export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly request_id: string | undefined
}

const backoff_ms = 150
const backoff_ms_max = 3_000
export const retryable_statuses: readonly number[] = [429, 502, 503, 504]

export const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  if (typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string') return cause.code
  return cause instanceof Error ? cause.message : String(cause)
}

/** Seconds of a Retry-After header in milliseconds; its other form, a date, is not used by the API. */
const retryAfterMs = (response: Response): number | undefined => {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1_000, backoff_ms_max) : undefined
}

export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What an answer that is no success says. */
export const failureOf = (
  outgoing: Pick<Outgoing, 'method' | 'path'>,
  response: Response,
  body: unknown,
  text: string,
  request_id: string | undefined,
): LanekeeperError => {
  const problem = ProblemDetails.safeParse(body)
  if (problem.success) {
    const { code, detail, title, errors } = problem.data
    return new LanekeeperError({
      code,
      status: response.status,
      detail: detail ?? title ?? code,
      ...(errors === undefined ? {} : { errors }),
      request_id: problem.data.request_id ?? request_id,
    })
  }
  const excerpt = text.trim().slice(0, 200)
  const detail = `${outgoing.method} ${outgoing.path} was answered ${response.status} by something that is not Lanekeeper${excerpt === '' ? '' : `: ${excerpt}`}`
  return new LanekeeperError({ code: 'unexpected_answer', status: response.status, detail, request_id })
}

const requestOf = (transport: Transport, outgoing: Outgoing): RequestInit => {
  const headers: Record<string, string> = { ...outgoing.headers, accept: 'application/json' }
  if (transport.key !== undefined) headers['authorization'] = `Bearer ${transport.key}`
  if (outgoing.body !== undefined) headers['content-type'] = 'application/json'
  const timeout = AbortSignal.timeout(transport.timeout_ms)
  return {
    method: outgoing.method,
    headers,
    signal: outgoing.signal === undefined ? timeout : AbortSignal.any([timeout, outgoing.signal]),
    ...(outgoing.body === undefined ? {} : { body: JSON.stringify(outgoing.body) }),
  }
}

type Tried = Answer | { readonly failure: Error; readonly again_ms: number | undefined; readonly retryable: boolean }

const once = async (transport: Transport, outgoing: Outgoing): Promise<Tried> => {
  try {
    const response = await transport.fetch(`${transport.url}${outgoing.path}`, requestOf(transport, outgoing))
    const text = await response.text()
    const request_id = response.headers.get('x-request-id') ?? response.headers.get('apigw-requestid') ?? undefined
    const body = parseJson(text)
    if (response.ok) return { status: response.status, body, request_id }
    return {
      failure: failureOf(outgoing, response, body, text, request_id),
      again_ms: retryAfterMs(response),
      retryable: retryable_statuses.includes(response.status),
    }
  } catch (cause) {
    if (outgoing.signal?.aborted === true) throw cause
    return { failure: new LanekeeperUnreachable(transport.url, reasonOf(cause), { cause }), again_ms: undefined, retryable: true }
  }
}

/**
 * Sends, and sends again what may be sent again. Resolves with a 2xx answer; throws LanekeeperError for any other,
 * LanekeeperUnreachable where none came, and the signal's reason when it was aborted.
 */
export const send = async (transport: Transport, outgoing: Outgoing): Promise<Answer> => {
  for (let tried = 1; ; tried += 1) {
    const result = await once(transport, outgoing)
    if (!('failure' in result)) return result
    if (!result.retryable || !outgoing.is_idempotent || tried >= transport.tries_max) throw result.failure
    const ceiling = Math.min(backoff_ms * 2 ** (tried - 1), backoff_ms_max)
    await transport.sleep(result.again_ms ?? ceiling * transport.random(), outgoing.signal)
    outgoing.signal?.throwIfAborted()
  }
}
