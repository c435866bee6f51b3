/**
 * The control plane as the runner sees it. Calls are repeated on network errors, 429 and 5xx until they are answered or their time is
 * over; every one of them may be repeated without harm. Tokens never appear in messages.
 */
import * as z from 'zod'
import {
  Assignment,
  FinishAnswer,
  HeartbeatAnswer,
  RunnerLogsAnswer,
  UploadAnswer,
  runner_routes,
  type Claim,
  type Finish,
  type Heartbeat,
} from '../shared/contract/runner-protocol.ts'
import type { LogEntry } from '../shared/domain/event.ts'
import type { FileKind } from '../shared/ports/ports.ts'
import { exchange, type Answered, type Asking } from './exchange.ts'
import { pause } from './stop.ts'

/**
 * `superseded`: the attempt is no longer the live one, or never was: stop at once. `refused`: this call was wrong. `unreachable`: no
 * answer in the time there was.
 */
export type PlaneAnswer<T> = { readonly ok: true; readonly value: T; readonly answered: AnswerTime } | PlaneFailure
export interface PlaneFailure {
  readonly ok: false
  readonly why: 'superseded' | 'refused' | 'unreachable'
  readonly message: string
}
/** When the call was sent, by a clock that only moves forward, and the plane's own time in its answer, if it said it. */
export interface AnswerTime {
  readonly sent_monotonic_ms: number
  readonly plane_now_ms: number | undefined
}

export interface CallOptions {
  /** For how long to repeat. */
  readonly within_ms: number
  readonly signal?: AbortSignal
}

export interface Plane {
  claim(claim: Claim, options: CallOptions): Promise<PlaneAnswer<Assignment>>
  heartbeat(beat: Heartbeat, options: CallOptions): Promise<PlaneAnswer<HeartbeatAnswer>>
  logs(entries: readonly LogEntry[], options: CallOptions): Promise<PlaneAnswer<{ stored: number }>>
  upload(kind: FileKind, bytes: number, options: CallOptions): Promise<PlaneAnswer<{ url: string }>>
  finish(finish: Finish, options: CallOptions): Promise<PlaneAnswer<{ recorded: boolean }>>
}

const request_timeout_ms = 15_000
const backoff_first_ms = 100
const backoff_max_ms = 5_000

const Problem = z.looseObject({ code: z.string().optional(), detail: z.string().optional(), title: z.string().optional() })

type Tried<T> = { readonly done: PlaneAnswer<T> } | { readonly again: string }

const planeTime = ({ headers }: Answered): number | undefined => {
  const at_ms = Date.parse(headers.date ?? '')
  return Number.isNaN(at_ms) ? undefined : at_ms
}

const problemOf = ({ status, text }: Answered): string => {
  try {
    const { code, detail, title } = Problem.parse(JSON.parse(text.slice(0, 10_000)))
    return [`${status}`, code, detail ?? title].filter((part) => part !== undefined).join(' ')
  } catch {
    return `${status}`
  }
}

/** An answer that no repeat will change: 409, or 401 because nobody knows this attempt, end it. */
const failed = <T>(answered: Answered): Tried<T> => {
  const message = problemOf(answered)
  const { status } = answered
  if (status === 429 || status >= 500) return { again: message }
  const why = status === 409 || status === 401 ? 'superseded' : 'refused'
  return { done: { ok: false, why, message } }
}

const tryOnce = async <T>(url: string, asking: Asking, schema: z.ZodType<T>): Promise<Tried<T>> => {
  const sent_monotonic_ms = performance.now()
  try {
    const answered = await exchange(url, asking)
    if (answered.status < 200 || answered.status > 299) return failed<T>(answered)
    const parsed = schema.safeParse(JSON.parse(answered.text))
    if (!parsed.success)
      return { done: { ok: false, why: 'refused', message: `the plane's answer is not what the protocol says: ${z.prettifyError(parsed.error)}` } }
    return { done: { ok: true, value: parsed.data, answered: { sent_monotonic_ms, plane_now_ms: planeTime(answered) } } }
  } catch (error) {
    return { again: error instanceof Error ? `${error.name}: ${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ''}` : 'no answer' }
  }
}

/** Full jitter, so that the runners of a plane that comes back do not all knock at once. */
const backoffMs = (tries: number): number => Math.random() * Math.min(backoff_max_ms, backoff_first_ms * 2 ** tries)

const call = async <T>(url: string, asking: Asking, schema: z.ZodType<T>, { within_ms, signal }: CallOptions): Promise<PlaneAnswer<T>> => {
  const until_ms = performance.now() + within_ms
  for (let tries = 0; ; tries++) {
    const tried = await tryOnce(url, { ...asking, signal }, schema)
    if ('done' in tried) return tried.done
    const wait_ms = backoffMs(tries)
    if (signal?.aborted === true || performance.now() + wait_ms > until_ms) return { ok: false, why: 'unreachable', message: tried.again }
    await pause(wait_ms, signal)
  }
}

/** @param token the attempt token, `lkatt_…`; the plane knows its hash from the claim */
export const createPlane = (api_url: string, token: string): Plane => {
  const send = <T>(route: keyof typeof runner_routes, body: unknown, schema: z.ZodType<T>, options: CallOptions): Promise<PlaneAnswer<T>> => {
    const authorization: Record<string, string> = route === 'claim' ? {} : { authorization: `Bearer ${token}` }
    const headers = { 'content-type': 'application/json', ...authorization }
    const { method, path } = runner_routes[route]
    return call(`${api_url}${path}`, { method, headers, body: JSON.stringify(body), timeout_ms: request_timeout_ms }, schema, options)
  }
  return {
    claim: (claim, options) => send('claim', claim, Assignment, options),
    heartbeat: (beat, options) => send('heartbeat', beat, HeartbeatAnswer, options),
    logs: (entries, options) => send('logs', { entries }, RunnerLogsAnswer, options),
    upload: (kind, bytes, options) => send('uploads', { kind, bytes }, UploadAnswer, options),
    finish: (finish, options) => send('finish', finish, FinishAnswer, options),
  }
}
