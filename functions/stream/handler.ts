/**
 * Streams the events of a task (shared/contract/task-stream.ts). A request is checked like any of the API's before anything is
 * streamed; what is refused is answered as a problem. Then: look, send what is new, wait, the longer the less happens.
 *
 * The function pays for each second that it streams, and is not told when its reader goes: so a stream is short, and its reader
 * comes back. The next look comes only when the reader has taken what was sent, so a slow one costs no memory.
 */
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { Context } from 'aws-lambda'
import { operations } from '../../shared/contract/operations.ts'
import { event_stream_type, stream_heartbeat_ms } from '../../shared/contract/task-stream.ts'
import type { Command } from '../../shared/domain/command.ts'
import { ok, refuse, type Result } from '../../shared/domain/result.ts'
import { commandOf } from '../../shared/lists/task-events.ts'
import { eventId, nextStep, positionOfCursors, positionOfId, type Step, type StreamPosition } from '../../shared/lists/task-stream.ts'
import { refs } from '../../shared/store/keys.ts'
import type { Store } from '../../shared/store/store.ts'
import { authenticate } from '../middleware/authenticate.ts'
import { caught, fieldsOf, unrouted, type HttpDeps, type Served } from '../middleware/http-handler.ts'
import { answerOf, HttpEvent, streamHeaders, type Reply } from '../middleware/http.ts'
import { read } from '../middleware/route.ts'
import { batchFrame, endFrame, heartbeat_frame, retryFrame } from './frames.ts'

/** What comes before the body of a streamed answer. */
export interface Head {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
}

export interface StreamDeps extends HttpDeps {
  readonly store: Store
  /** Gives the stream its status and headers: `awslambda.HttpResponseStream.from`. */
  readonly begin: (stream: Writable, head: Head) => Writable
  /** Resolves after so long, or when the signal is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

/** After news the next look comes this soon, then ever later. */
const look_ms_min = 100
const look_ms_max = 1_000
const look_growth = 1.5
/** A stream ends this long before its function does. */
const close_before_ms = 10_000
/** And when it has sent this much: Lambda streams at most 200 MB. */
const bytes_max = 50_000_000
/** What a reader is told to wait before it comes back: after a connection that broke, and after one that is ended here. */
const retry_ms = { broken: 1_000, ended: 50 } as const

const operation = operations.streamTaskEvents
const path_pattern = new RegExp(`^${operation.path.replace('{task_id}', '([^/]+)')}/?$`)

interface Opened {
  readonly command: Command
  readonly position: StreamPosition
  /** The first look. */
  readonly step: Step
}

const open = async ({ store, clock }: StreamDeps, { event, trace }: Served): Promise<Result<Opened>> => {
  const caller = await authenticate(store, event, 'viewer')
  if (!caller.ok) return caller
  const { workspace_id, key_id } = caller.value
  Object.assign(trace, { workspace_id, key_id })
  const asked = read(operation, event)
  if (!asked.ok) return asked
  const { params, query } = asked.value
  const task = await store.get(refs.task(workspace_id, params.task_id))
  if (task === undefined) return refuse('not_found', `no task ${params.task_id}`)
  const { 'last-event-id': id = '' } = event.headers
  const position = id === '' ? await positionOfCursors(store, task, query) : await positionOfId(store, task, id)
  if (!position.ok) return position
  const command = await commandOf(store, task)
  return ok({ command, position: position.value, step: await nextStep(store, command, position.value, clock.now()) })
}

/** The request with its task, or the refusal of one that is none of this function's. */
const routed = (event: HttpEvent): Result<HttpEvent> => {
  const { method, path } = event.requestContext.http
  const [, task_id] = path_pattern.exec(path) ?? []
  if (task_id === undefined || method !== operation.method) return unrouted([operation], method, path)
  return ok({ ...event, pathParameters: { task_id } })
}

/** What goes out, no faster than it is taken. */
interface Line {
  /** False once the reader is gone, or has not taken it by the end of the stream. */
  send(text: string): Promise<boolean>
  sent(): number
  readonly gone: AbortSignal
}

const lineOf = (deps: StreamDeps, out: Writable, until_ms: number): Line => {
  const gone = new AbortController()
  let bytes = 0
  const leave = () => gone.abort()
  out.on('error', leave)
  out.on('close', leave)
  const taken = async (): Promise<void> => {
    const late = new AbortController()
    const waited = AbortSignal.any([gone.signal, late.signal])
    const drained = once(out, 'drain', { signal: waited }).catch(() => undefined)
    await Promise.race([drained, deps.sleep(Math.max(0, until_ms - deps.clock.now()), waited)])
    late.abort()
  }
  return {
    send: async (text) => {
      if (gone.signal.aborted) return false
      bytes += text.length
      if (!out.write(text)) await taken()
      return !gone.signal.aborted && !out.writableNeedDrain
    },
    sent: () => bytes,
    gone: gone.signal,
  }
}

const frameOf = (step: Exclude<Step, { kind: 'nothing' }>): string => {
  const id = eventId(step.position)
  return step.kind === 'news' ? batchFrame(id, step.batch) : endFrame(id, { task_id: step.position.task, state: step.state })
}

/** Streams until the task has ended, the reader is gone or the time is over. */
const stream = async (deps: StreamDeps, line: Line, { command, ...opened }: Opened, until_ms: number): Promise<void> => {
  let { position, step } = opened
  let pause_ms = look_ms_min
  let quiet_since_ms = deps.clock.now()
  if (!(await line.send(retryFrame(retry_ms.broken)))) return
  for (;;) {
    if (step.kind !== 'nothing') {
      if (!(await line.send(frameOf(step))) || step.kind === 'end') return
      position = step.position
      quiet_since_ms = deps.clock.now()
    } else if (deps.clock.now() - quiet_since_ms >= stream_heartbeat_ms) {
      if (!(await line.send(heartbeat_frame))) return
      quiet_since_ms = deps.clock.now()
    }
    pause_ms = step.kind === 'news' ? look_ms_min : Math.min(pause_ms * look_growth, look_ms_max)
    if (deps.clock.now() + pause_ms >= until_ms || line.sent() > bytes_max) return void (await line.send(retryFrame(retry_ms.ended)))
    if (step.kind !== 'news' || !step.more) await deps.sleep(pause_ms, line.gone)
    if (line.gone.aborted) return
    step = await nextStep(deps.store, command, position, deps.clock.now())
  }
}

/** Ends the answer. On AWS a status and headers travel with the first write, so there must be one. */
const answer = (deps: StreamDeps, out: Writable, served: Served, reply: Reply): void => {
  const { statusCode, headers, body } = answerOf(reply, served.event.requestContext.requestId)
  const begun = deps.begin(out, { statusCode, headers })
  begun.write(statusCode === 204 ? '' : body)
  begun.end()
}

/** @returns what was answered; undefined where the stream met a failure, which is in the log already */
const serve = async (deps: StreamDeps, out: Writable, served: Served, context: Pick<Context, 'getRemainingTimeInMillis'>): Promise<Reply | undefined> => {
  const event = routed(served.event)
  const opened = event.ok ? await open(deps, { ...served, event: event.value }) : event
  if (!opened.ok) {
    answer(deps, out, served, opened)
    return opened
  }
  const { position, step } = opened.value
  if (position.end === true && step.kind === 'end') {
    const reply = { ok: true, status: 204, body: undefined } as const
    answer(deps, out, served, reply)
    return reply
  }
  const until_ms = deps.clock.now() + context.getRemainingTimeInMillis() - close_before_ms
  const begun = deps.begin(out, { statusCode: 200, headers: streamHeaders(served.event.requestContext.requestId, event_stream_type) })
  try {
    await stream(deps, lineOf(deps, begun, until_ms), opened.value, until_ms)
  } catch (error) {
    // The status is out: the reader sees a stream without an end, and comes back.
    caught(deps, served, error)
    begun.end()
    return undefined
  }
  begun.end()
  return { ok: true, status: 200, body: undefined }
}

export type StreamLambda = (raw: unknown, out: Writable, context: Pick<Context, 'getRemainingTimeInMillis'>) => Promise<void>

/** The function. Each stream leaves one line in the log, when it ends. */
export const streamHandler =
  (deps: StreamDeps): StreamLambda =>
  async (raw, out, context) => {
    const served: Served = { event: HttpEvent.parse(raw), trace: { operation: operation.id }, started_ms: deps.clock.now() }
    try {
      const reply = await serve(deps, out, served, context)
      if (reply !== undefined) deps.log.info('request_handled', fieldsOf(deps, served, reply))
    } catch (error) {
      answer(deps, out, served, caught(deps, served, error))
    }
  }
