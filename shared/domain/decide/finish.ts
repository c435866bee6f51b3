/**
 * What happens when an attempt ends, however it ends: by its own word, because compute says that its sandbox is gone, because its
 * lease ran out, or because it was told to stop.
 *
 * One commit ends the attempt, frees its place in the class and its session, and either schedules the retry or ends run and task.
 */
import { decided, type Decision } from '../decision.ts'
import { earlier, freedDue, look_again_ms, queueTimeout } from '../due.ts'
import { runEvent } from '../events.ts'
import { placeInLine } from '../lines.ts'
import { never } from '../result.ts'
import { retryDelayMs } from '../retry.ts'
import { movedRun, movedTask, task_state_of_outcome } from '../transitions.ts'
import { timestamp } from '../time.ts'
import { addUsage, no_usage, type ModelUsage, type Usage } from '../usage.ts'
import { computeUsage } from '../compute-cost.ts'
import { countEnded } from './ceiling.ts'
import { failureOf, healthChange, type HealthChange } from './health.ts'
import { releasedSession, sessionSignal } from './session.ts'
import { wakeSignals } from './accept.ts'
import type { Command } from '../command.ts'
import type { RunEvent, RunEventType } from '../event.ts'
import type { Instance } from '../instance.ts'
import { isLive, type EndedAttempt, type Failure, type LiveAttempt, type Outcome, type Run } from '../run.ts'
import type { Checkpoint, Session } from '../session.ts'
import type { Task, TaskIn } from '../task.ts'
import type { Signal } from '../../ports/ports.ts'
import { refs } from '../../store/keys.ts'
import type { Write } from '../../store/store.ts'

/** How an attempt ended, as somebody reports it. */
export interface Ending {
  readonly attempt_no: number
  readonly outcome: Outcome
  readonly exit_code?: number | undefined
  readonly error?: Failure | undefined
  readonly result?: string | undefined
  readonly usage?: ModelUsage | undefined
  readonly saved?: { readonly workspace_bytes?: number | undefined; readonly transcript_bytes?: number | undefined } | undefined
  /** The runner did not say so itself: it was lost. */
  readonly lost?: boolean
  /** Compute itself has said that the sandbox is gone. */
  readonly confirmed?: boolean
}
/** All that is read to end an attempt. */
export interface EndingState {
  readonly task: TaskIn<'running'>
  readonly run: Run
  readonly command: Command
  readonly instance: Instance
  readonly session: Session | undefined
}

/** What an order to stop makes of the runner's own word: cancel wins over everything that had not finished (SPEC §5). */
const settledOutcome = (attempt: LiveAttempt, ending: Ending): Pick<Ending, 'outcome' | 'error'> => {
  if (attempt.status !== 'stopping') return ending
  switch (attempt.stop_reason) {
    case 'cancel':
      return { outcome: 'cancelled' }
    case 'timeout':
      return { outcome: 'timeout', error: ending.error ?? { code: 'timeout', message: 'the attempt reached its timeout', retryable: true } }
    case 'budget':
      return { outcome: 'error', error: { code: 'budget_exceeded', message: 'the run reached its budget', retryable: false } }
    default:
      return never(attempt.stop_reason)
  }
}

const endedAttempt = (state: EndingState, attempt: LiveAttempt, ending: Ending, now_ms: number): EndedAttempt => {
  const { outcome, error } = settledOutcome(attempt, ending)
  const started_at = attempt.status === 'pending' ? undefined : attempt.started_at
  const reported: Usage = ending.usage === undefined ? (state.run.live_usage ?? no_usage) : { ...no_usage, ...ending.usage }
  return {
    status: outcome,
    id: attempt.id,
    attempt_no: attempt.attempt_no,
    strategy: attempt.strategy,
    fencing_token: attempt.fencing_token,
    admitted_at: attempt.admitted_at,
    ...(started_at === undefined ? {} : { started_at }),
    ...(attempt.execution_id === undefined ? {} : { execution_id: attempt.execution_id }),
    ended_at: timestamp(now_ms),
    ...(attempt.status === 'pending' || attempt.token_hash === undefined ? {} : { token_hash: attempt.token_hash }),
    ...(ending.lost === true ? { lost: true } : {}),
    ...(attempt.status === 'stopping' && attempt.killed === true ? { killed: ending.confirmed === true ? 'confirmed' : 'unconfirmed' } : {}),
    ...(ending.exit_code === undefined ? {} : { exit_code: ending.exit_code }),
    ...(error === undefined || outcome === 'ok' || outcome === 'cancelled' ? {} : { error }),
    usage: addUsage(reported, computeUsage(started_at, now_ms, state.command.params.policy.resources)),
  }
}

/** When the attempt is retried: milliseconds from now, or undefined if it is not. */
const retryIn = (state: EndingState, ended: EndedAttempt): number | undefined => {
  if (ended.status === 'ok' || ended.status === 'cancelled' || ended.error?.retryable === false) return undefined
  const { retry } = state.command.params.policy
  return ended.attempt_no >= retry.max_attempts ? undefined : retryDelayMs(retry, ended.attempt_no, state.run.id)
}

interface Next {
  readonly run: Run
  readonly task: Task
  readonly event: RunEventType
  readonly payload: RunEvent['payload']
  readonly places: readonly Write[]
  readonly signals: readonly Signal[]
}

const errorPayload = (ended: EndedAttempt): RunEvent['payload'] =>
  ended.error === undefined ? {} : { error: { code: ended.error.code, message: ended.error.message } }

const withoutLiveUsage = (run: Run): Run => {
  const { live_usage: _, ...kept } = run
  return kept
}

const retried = (state: EndingState, ended: EndedAttempt, delay_ms: number, now_ms: number): Next => {
  const { task, command } = state
  const now = timestamp(now_ms)
  const { id, workspace_id, task_id, agent_id, session_id, class_key, previous_run_id, event_seq, created_at, started_at, version } = state.run
  const run: Run = {
    kind: 'run',
    id,
    workspace_id,
    task_id,
    agent_id,
    session_id,
    class_key,
    ...(previous_run_id === undefined ? {} : { previous_run_id }),
    status: 'accepted',
    attempt: ended,
    event_seq,
    ...(state.run.usage === undefined ? {} : { usage: state.run.usage }),
    created_at,
    updated_at: now,
    ...(started_at === undefined ? {} : { started_at }),
    version,
  }
  const { queued_at: _, due_at: __, queue_timeout_at: ___, ...kept } = task
  const payload = { attempt_no: ended.attempt_no, outcome: ended.status, delay_ms, ...errorPayload(ended) }
  if (delay_ms > 0) {
    const wake_at = timestamp(now_ms + delay_ms)
    const sleeping = movedTask(task, { ...kept, state: 'sleeping', wake_at, due_at: wake_at, updated_at: now })
    return { run, task: sleeping, event: 'retry_scheduled', payload, places: [], signals: wakeSignals(sleeping, now_ms) }
  }
  const late = queueTimeout(command.params, now_ms)
  const due_at = earlier(timestamp(now_ms + look_again_ms), late.queue_timeout_at)
  const queued = movedTask(task, { ...kept, ...late, state: 'queued', queued_at: now, due_at, updated_at: now })
  return {
    run,
    task: queued,
    event: 'retry_scheduled',
    payload,
    places: [{ op: 'put_if_absent', record: placeInLine(queued, command.params.lane) }],
    signals: [],
  }
}

const over = (state: EndingState, ended: EndedAttempt, ending: Ending, usage: Usage, now_ms: number): Next => {
  const { task } = state
  const now = timestamp(now_ms)
  const run: Run = {
    ...withoutLiveUsage(state.run),
    status: ended.status,
    attempt: ended,
    updated_at: now,
    ended_at: now,
    ...(ended.error === undefined ? {} : { error: ended.error }),
    ...(ending.result === undefined ? {} : { result: ending.result }),
  }
  const { due_at: _, queue_timeout_at: __, ...kept } = task
  const finished = movedTask(task, {
    ...kept,
    state: task_state_of_outcome[ended.status],
    finished_at: now,
    updated_at: now,
    usage: addUsage(task.usage ?? no_usage, usage),
  })
  return {
    run,
    task: finished,
    event: 'finished',
    payload: { attempt_no: ended.attempt_no, outcome: ended.status, ...errorPayload(ended) },
    places: [],
    signals: [],
  }
}

/**
 * The attempt leaves its class. A failure counts, and the one that degrades the class starts its cool-down; an attempt which was
 * live already when that happened is no probe, so it neither counts nor lengthens it.
 */
const counters = (state: EndingState, attempt: LiveAttempt, ended: EndedAttempt, now_ms: number): Write => {
  const { instance } = state
  const failure = ended.status === 'error' || ended.status === 'timeout' ? failureOf(instance, now_ms) : undefined
  const cooldown_until = failure?.cooldown_until
  return {
    op: 'add_within_limit',
    ref: refs.instance(instance.workspace_id, instance.class_key),
    change: {
      add: { [attempt.status]: -1, live: -1, ...(failure?.add === 1 ? { failures: 1 } : {}) },
      set: {
        last_event_at: timestamp(now_ms),
        due_at: cooldown_until ?? freedDue(now_ms),
        ...(cooldown_until === undefined ? {} : { cooldown_until }),
        ...(ended.status === 'ok' ? { failures: 0 } : {}),
      },
      ...(ended.status === 'ok' ? { remove: ['cooldown_until'] } : {}),
    },
    conditions: failure === undefined ? [] : [failure.condition],
  }
}

/** What the attempt saved becomes current with its end; what it did not save stays as it was. */
const savedCheckpoint = (session: Session, attempt: LiveAttempt, { saved }: Ending, now_ms: number): Checkpoint | undefined => {
  if (saved?.workspace_bytes === undefined && saved?.transcript_bytes === undefined) return undefined
  const { fencing_token } = attempt
  return {
    ...session.checkpoint,
    ...(saved.workspace_bytes === undefined ? {} : { workspace: { fencing_token, bytes: saved.workspace_bytes } }),
    ...(saved.transcript_bytes === undefined ? {} : { transcript: { fencing_token, bytes: saved.transcript_bytes } }),
    saved_at: timestamp(now_ms),
  }
}

const sessionWrites = (state: EndingState, attempt: LiveAttempt, ending: Ending, now_ms: number): readonly Write[] => {
  const { session } = state
  if (session?.owner?.attempt_id !== attempt.id) return []
  return [{ op: 'replace_if_version', record: releasedSession(session, savedCheckpoint(session, attempt, ending, now_ms), now_ms) }]
}

const events = (next: Next, lost: boolean, now_ms: number): { run: Run; writes: readonly Write[] } => {
  const put = (record: RunEvent): Write => ({ op: 'put_if_absent', record })
  const first: Run = { ...next.run, event_seq: next.run.event_seq + 1 }
  if (!lost) return { run: first, writes: [put(runEvent(first, next.event, now_ms, next.payload, true))] }
  const second: Run = { ...first, event_seq: first.event_seq + 1 }
  return {
    run: second,
    writes: [put(runEvent(first, 'orphan_recovered', now_ms, next.payload, false)), put(runEvent(second, next.event, now_ms, next.payload, true))],
  }
}

/** Whether the decision ended the attempt, and what became of the health of its class. */
export interface Finished {
  readonly ended: boolean
  readonly health?: HealthChange
}
const healthPayload = (health: HealthChange | undefined): RunEvent['payload'] => (health === undefined ? {} : { class_health: { ...health } })

/**
 * Ends the live attempt. A report about another attempt than the run's live one changes nothing: it is late or doubled.
 * A change of the class's health is said in the event that ends the attempt: a class that stays healthy costs no write for it.
 */
export const decideFinish = (state: EndingState, ending: Ending, now_ms: number): Decision<Finished> => {
  const { attempt } = state.run
  if (!isLive(attempt) || attempt.attempt_no !== ending.attempt_no) return decided([], [], { ended: false })
  const ended = endedAttempt(state, attempt, ending, now_ms)
  const usage = addUsage(state.run.usage ?? no_usage, ended.usage)
  const delay_ms = retryIn(state, ended)
  const next = delay_ms === undefined ? over(state, ended, ending, usage, now_ms) : retried(state, ended, delay_ms, now_ms)
  const health = healthChange(state.instance, ended.status, now_ms)
  const { run, writes } = events(
    { ...next, payload: { ...next.payload, ...healthPayload(health) } },
    ending.lost === true && ended.status !== 'cancelled',
    now_ms,
  )
  const { workspace_id, class_key } = state.run
  const ceilings = countEnded(state.run, now_ms)
  return decided(
    [
      { op: 'replace_if_version', record: movedRun(state.run, run) },
      { op: 'replace_if_version', record: next.task },
      ...writes,
      ...next.places,
      counters(state, attempt, ended, now_ms),
      ...sessionWrites(state, attempt, ending, now_ms),
      ...ceilings.writes,
    ],
    [
      ...ceilings.signals,
      ...(state.session?.waiting === true ? [sessionSignal(state.session)] : []),
      { kind: 'class', workspace_id, class_key },
      ...next.signals,
    ],
    { ended: true, ...(health === undefined ? {} : { health }) },
  )
}
