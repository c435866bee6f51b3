/** What comes after an attempt: a retry, waiting for a human, or the end of its run and task. */
import { earlier, look_again_ms, queueTimeout } from '../due.ts'
import { rejectedInputs } from '../inputs.ts'
import { placeInLine } from '../lines.ts'
import { keptForAnswer, questionsOf, withdrawnQuestions, withQuestions } from '../questions.ts'
import { retryDelayMs } from '../retry.ts'
import { movedTask, task_state_of_outcome } from '../transitions.ts'
import { timestamp } from '../time.ts'
import { addUsage, no_usage, type Usage } from '../usage.ts'
import { wakeSignals } from './accept.ts'
import { parkedWork, type Parking } from './park.ts'
import type { Ending, EndingState } from './ending.ts'
import type { RunEvent, RunEventType } from '../event.ts'
import type { EndedAttempt, Run } from '../run.ts'
import type { Task } from '../task.ts'
import type { Signal } from '../../ports/ports.ts'
import type { Write } from '../../store/store.ts'

/** When the attempt is retried: milliseconds from now, or undefined if it is not. */
const retryIn = (state: EndingState, ended: EndedAttempt): number | undefined => {
  if (ended.status === 'ok' || ended.status === 'cancelled' || ended.error?.retryable === false) return undefined
  const { retry } = state.command.params.policy
  const tries = ended.attempt_no - (state.run.tries_from ?? 1) + 1
  return tries >= retry.max_attempts ? undefined : retryDelayMs(retry, tries, state.run.id)
}

/** Where run and task stand once the attempt has ended. */
export interface Next {
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

/** The run between two attempts: what it keeps for the next. */
const betweenAttempts = (from: Run, ended: EndedAttempt, now_ms: number): Run => {
  const { id, workspace_id, task_id, agent_id, session_id, class_key, previous_run_id, event_seq, inputs, questions, tries_from, created_at, started_at } = from
  return {
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
    ...(from.usage === undefined ? {} : { usage: from.usage }),
    created_at,
    updated_at: timestamp(now_ms),
    ...(started_at === undefined ? {} : { started_at }),
    version: from.version,
  }
}

const retried = (state: EndingState, ended: EndedAttempt, ending: Ending, delay_ms: number, now_ms: number): Next => {
  const { task, command } = state
  const now = timestamp(now_ms)
  const idle = betweenAttempts(state.run, ended, now_ms)
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
  const live = betweenAttempts(state.run, ended, now_ms)
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
  const idle: Run = { ...saved, tries_from: ended.attempt_no + 1 }
  const { run, task, places } = parkedWork(state.task, idle, parking, state.command, state.parked_ms_max ?? 0, now_ms)
  const payload = { attempt_no: ended.attempt_no, waits_for: parking }
  return { run, task, event: 'parked', payload, places, settled: withdrawn.writes, signals: [] }
}

/** What comes after the attempt: parking, a retry, or the end of run and task. */
export const nextOf = (state: EndingState, ended: EndedAttempt, ending: Ending, usage: Usage, now_ms: number): Next => {
  if (ended.status === 'ok' && ending.parks !== undefined) return parks(state, ended, ending.parks, now_ms)
  const delay_ms = retryIn(state, ended)
  return delay_ms === undefined ? over(state, ended, ending, usage, now_ms) : retried(state, ended, ending, delay_ms, now_ms)
}
