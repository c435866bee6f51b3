/**
 * What happens when an attempt ends, however it ends: by its own word, because compute says that its sandbox is gone, because its
 * lease ran out, or because it was told to stop.
 *
 * One commit ends the attempt, frees its place in the class and its session, and either schedules the retry or ends run and task.
 */
import { decided, type Decision } from '../decision.ts'
import { earlier, freedDue, look_again_ms, queueTimeout } from '../due.ts'
import { runEvent } from '../events.ts'
import { cooldownUntil, healthOf } from '../instances.ts'
import { placeInLine } from '../lines.ts'
import { never } from '../result.ts'
import { retryDelayMs } from '../retry.ts'
import { movedRun, movedTask, task_state_of_outcome } from '../transitions.ts'
import { millis, timestamp, type Timestamp } from '../time.ts'
import { addUsage, no_usage, type ModelUsage, type Usage } from '../usage.ts'
import { computeUsage } from '../compute-cost.ts'
import { countEnded } from './ceiling.ts'
import { releasedSession, sessionSignal } from './session.ts'
import { wakeSignals } from './accept.ts'
import { endedAttempt, type Ending, type EndingState } from './ending.ts'
import { parkedWork, type Parking } from './park.ts'
import { asksStill, keptForAnswer, questionsOf, withdrawnQuestions, withQuestions } from '../questions.ts'
import type { Command } from '../command.ts'
import type { RunEvent, RunEventType } from '../event.ts'
import { rejectedInputs } from '../inputs.ts'
import type { Input } from '../input.ts'
import type { Instance } from '../instance.ts'
import { isLive, type EndedAttempt, type Failure, type LiveAttempt, type Outcome, type Run } from '../run.ts'
import type { Checkpoint, Session } from '../session.ts'
import type { Task, TaskIn } from '../task.ts'
import type { Signal } from '../../ports/ports.ts'
import { refs } from '../../store/keys.ts'
import type { FieldCondition, Write } from '../../store/store.ts'

/** When the attempt is retried: milliseconds from now, or undefined if it is not. */
const retryIn = (state: EndingState, ended: EndedAttempt): number | undefined => {
  if (ended.status === 'ok' || ended.status === 'cancelled' || ended.error?.retryable === false) return undefined
  const { retry } = state.command.params.policy
  const tries = ended.attempt_no - (state.run.tries_from ?? 1) + 1
  return tries >= retry.max_attempts ? undefined : retryDelayMs(retry, tries, state.run.id)
}

interface Next {
  readonly run: Run
  readonly task: Task
  readonly event: RunEventType
  readonly payload: RunEvent['payload']
  readonly places: readonly Write[]
  /** The end of inputs that the run will not take. */
  readonly settled?: readonly Write[]
  readonly signals: readonly Signal[]
}

const errorPayload = (ended: EndedAttempt): RunEvent['payload'] =>
  ended.error === undefined ? {} : { error: { code: ended.error.code, message: ended.error.message } }

const withoutLiveUsage = (run: Run): Run => {
  const { live_usage: _, ...kept } = run
  return kept
}

const retried = (state: EndingState, ended: EndedAttempt, ending: Ending, delay_ms: number, now_ms: number): Next => {
  const { task, command } = state
  const now = timestamp(now_ms)
  const {
    id,
    workspace_id,
    task_id,
    agent_id,
    session_id,
    class_key,
    previous_run_id,
    event_seq,
    inputs,
    questions,
    tries_from,
    created_at,
    started_at,
    version,
  } = state.run
  const idle: Run = {
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
    ...(inputs === undefined ? {} : { inputs }),
    ...(questions === undefined ? {} : { questions }),
    ...(tries_from === undefined ? {} : { tries_from }),
    ...(state.run.usage === undefined ? {} : { usage: state.run.usage }),
    created_at,
    updated_at: now,
    ...(started_at === undefined ? {} : { started_at }),
    version,
  }
  const withdrawn = withdrawnQuestions(idle, state.approvals ?? [], ending.saved?.transcript_bytes === undefined, 'attempt_ended', now_ms)
  const { run, settled } = { run: keptForAnswer(withdrawn.run), settled: withdrawn.writes }
  const { queued_at: _, due_at: __, queue_timeout_at: ___, ...kept } = task
  const late = queueTimeout(command.params, now_ms + delay_ms)
  const payload = { attempt_no: ended.attempt_no, outcome: ended.status, delay_ms, ...errorPayload(ended) }
  if (delay_ms > 0) {
    const wake_at = timestamp(now_ms + delay_ms)
    const sleeping = movedTask(task, { ...kept, ...late, state: 'sleeping', wake_at, due_at: wake_at, updated_at: now })
    return { run, task: sleeping, event: 'retry_scheduled', payload, places: [], settled, signals: wakeSignals(sleeping, now_ms) }
  }
  const due_at = earlier(timestamp(now_ms + look_again_ms), late.queue_timeout_at)
  const queued = movedTask(task, { ...kept, ...late, state: 'queued', queued_at: now, due_at, updated_at: now })
  return {
    run,
    task: queued,
    event: 'retry_scheduled',
    payload,
    places: [{ op: 'put_if_absent', record: placeInLine(queued, command.params.lane) }],
    settled,
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
  const cancelled = ended.status === 'cancelled'
  const withdrawn = withdrawnQuestions(run, state.approvals ?? [], false, cancelled ? 'run_cancelled' : 'run_over', now_ms)
  const settled = cancelled ? rejectedInputs(withdrawn.run, state.inputs ?? [], 'run_cancelled', now_ms) : { run: withdrawn.run, writes: [] }
  return {
    run: settled.run,
    task: finished,
    event: 'finished',
    payload: { attempt_no: ended.attempt_no, outcome: ended.status, ...errorPayload(ended) },
    places: [],
    settled: [...withdrawn.writes, ...settled.writes],
    signals: [],
  }
}

/** The run waits for a human: its attempt is over, it is not (decide/park.ts). */
const parks = (state: EndingState, ended: EndedAttempt, parking: Parking, now_ms: number): Next => {
  const live = withoutLiveUsage(state.run)
  const asks = parking === 'question'
  const withdrawn = asks ? { run: live, writes: [] } : withdrawnQuestions(live, state.approvals ?? [], false, 'attempt_ended', now_ms)
  const saved = asks
    ? keptForAnswer(
        withQuestions(
          live,
          questionsOf(live).map((question) => ({ ...question, saved: true })),
        ),
      )
    : withdrawn.run
  const idle: Run = { ...saved, status: 'accepted', attempt: ended, tries_from: ended.attempt_no + 1, updated_at: timestamp(now_ms) }
  const { run, task, places } = parkedWork(state.task, idle, parking, state.command, state.parked_ms_max ?? 0, now_ms)
  const payload = { attempt_no: ended.attempt_no, waits_for: parking }
  return { run, task, event: 'parked', payload, places, settled: withdrawn.writes, signals: [] }
}

/** How a failed attempt counts against the health of its class, and on what state of it that was decided. */
const failureOf = (instance: Instance, now_ms: number): { add: 0 | 1; cooldown_until?: Timestamp; condition: FieldCondition } => {
  const { failed_attempt_threshold: threshold, cooldown_until } = instance
  const cooling = healthOf(instance) === 'degraded' && cooldown_until !== undefined && millis(cooldown_until) > now_ms
  if (cooling) return { add: 0, cooldown_until, condition: { field: 'failures', is: 'at_least', value: threshold } }
  const after = { ...instance, failures: instance.failures + 1 }
  if (healthOf(after) !== 'degraded') return { add: 1, condition: { field: 'failures', is: 'at_most', value: threshold - 2 } }
  return { add: 1, cooldown_until: cooldownUntil(after, now_ms), condition: { field: 'failures', is: 'at_least', value: threshold - 1 } }
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

/** The session is free, or kept for this run: what its saved files ask is still to be answered. */
const sessionMoves = (state: EndingState, after: Run, attempt: LiveAttempt, ending: Ending, now_ms: number): Pick<Next, 'places' | 'signals'> => {
  const { session } = state
  if (session === undefined) return { places: [], signals: [] }
  const kept = asksStill(after) ? after.id : undefined
  const signals = session.waiting && kept === undefined ? [sessionSignal(session)] : []
  if (session.owner?.attempt_id !== attempt.id) return { places: [], signals }
  return { places: [{ op: 'replace_if_version', record: releasedSession(session, savedCheckpoint(session, attempt, ending, now_ms), now_ms, kept) }], signals }
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

const nextOf = (state: EndingState, ended: EndedAttempt, ending: Ending, usage: Usage, now_ms: number): Next => {
  if (ended.status === 'ok' && ending.parks !== undefined) return parks(state, ended, ending.parks, now_ms)
  const delay_ms = retryIn(state, ended)
  return delay_ms === undefined ? over(state, ended, ending, usage, now_ms) : retried(state, ended, ending, delay_ms, now_ms)
}

/**
 * Ends the live attempt. A report about another attempt than the run's live one changes nothing: it is late or doubled.
 * The value says whether this decision ended it.
 */
export const decideFinish = (state: EndingState, ending: Ending, now_ms: number): Decision<boolean> => {
  const { attempt } = state.run
  if (!isLive(attempt) || attempt.attempt_no !== ending.attempt_no) return decided([], [], false)
  const ended = endedAttempt(state, attempt, ending, now_ms)
  const usage = addUsage(state.run.usage ?? no_usage, ended.usage)
  const next = nextOf(state, ended, ending, usage, now_ms)
  const { run, writes } = events(next, ending.lost === true && ended.status !== 'cancelled', now_ms)
  const { workspace_id, class_key } = state.run
  const ceilings = countEnded(state.run, now_ms)
  const session = sessionMoves(state, next.run, attempt, ending, now_ms)
  return decided(
    [
      { op: 'replace_if_version', record: movedRun(state.run, run) },
      { op: 'replace_if_version', record: next.task },
      ...writes,
      ...next.places,
      ...(next.settled ?? []),
      counters(state, attempt, ended, now_ms),
      ...session.places,
      ...ceilings.writes,
    ],
    [...ceilings.signals, ...session.signals, { kind: 'class', workspace_id, class_key }, ...next.signals],
    true,
  )
}
