/**
 * The control plane as the runner sees it. Calls are repeated on network errors, 429 and 5xx until they are answered or their time is
 * over; every one of them may be repeated without harm. Tokens never appear in messages.
 */
import * as z from 'zod'
import {
  Assignment,
  FinishAnswer,
  HeartbeatAnswer,
  QuestionAnswer,
  RunnerLogsAnswer,
  TakeInputsAnswer,
  TurnEndAnswer,
  UploadAnswer,
  runner_routes,
  type Claim,
  type Finish,
  type Heartbeat,
  type Question,
  type TakeInputs,
  type TurnEnd,
  type UploadRequest,
} from '../shared/contract/runner-protocol.ts'
import type { LogEntry } from '../shared/domain/event.ts'
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
  inputs(take: TakeInputs, options: CallOptions): Promise<PlaneAnswer<TakeInputsAnswer>>
  turn(end: TurnEnd, options: CallOptions): Promise<PlaneAnswer<TurnEndAnswer>>
  question(question: Question, options: CallOptions): Promise<PlaneAnswer<QuestionAnswer>>
  upload(request: z.infer<typeof UploadRequest>, options: CallOptions): Promise<PlaneAnswer<UploadAnswer>>
  finish(finish: Finish, options: CallOptions): Promise<PlaneAnswer<FinishAnswer>>
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

const problemOf = ({ status, text }: Answered): { readonly code: string | undefined; readonly message: string } => {
  try {
    const { code, detail, title } = Problem.parse(JSON.parse(text.slice(0, 10_000)))
    return { code, message: [`${status}`, code, detail ?? title].filter((part) => part !== undefined).join(' ') }
  } catch {
    return { code: undefined, message: `${status}` }
  }
}

/** The attempt is the live one, and what it said does not fit. */
const not_now = 'illegal_state'

/** An answer that no repeat will change: any other 409, or 401 because nobody knows this attempt, end it. */
const failed = <T>(answered: Answered): Tried<T> => {
  const { code, message } = problemOf(answered)
  const { status } = answered
  if (status === 429 || status >= 500) return { again: message }
  const is_over = status === 401 || (status === 409 && code !== not_now)
  return { done: { ok: false, why: is_over ? 'superseded' : 'refused', message } }
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
    inputs: (take, options) => send('inputs', take, TakeInputsAnswer, options),
    turn: (end, options) => send('turns', end, TurnEndAnswer, options),
    question: (question, options) => send('questions', question, QuestionAnswer, options),
    upload: (request, options) => send('uploads', request, UploadAnswer, options),
    finish: (finish, options) => send('finish', finish, FinishAnswer, options),
  }
}
