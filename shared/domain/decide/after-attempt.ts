/** What becomes of a run and its task once an attempt has ended: a retry, another attempt or another run for the inputs that are left, or the end. */
import { wakeSignals } from './accept.ts'
import { earlier, look_again_ms, queueTimeout } from '../due.ts'
import { knowsMessage, pendingInputs, rejectedInputs, settledInputs, waitingInputs } from '../inputs.ts'
import { placeInLine } from '../lines.ts'
import { keptForAnswer, questionsOf, withdrawnQuestions, withQuestions } from '../questions.ts'
import { retryDelayMs } from '../retry.ts'
import { timestamp } from '../time.ts'
import { movedTask, task_state_of_outcome } from '../transitions.ts'
import { addUsage, no_usage, type Usage } from '../usage.ts'
import { parkedWork, type Parking } from './park.ts'
import { turnSettlements } from './turn.ts'
import type { RunEvent, RunEventType } from '../event.ts'
import type { EndedAttempt, Run } from '../run.ts'
import type { Task, TaskIn } from '../task.ts'
import type { Signal } from '../../ports/ports.ts'
import type { Write } from '../../store/store.ts'
import type { Ending, EndingState } from './ending.ts'

/** When the attempt is retried: milliseconds from now, or undefined if it is not. */
const retryIn = (state: EndingState, ended: EndedAttempt): number | undefined => {
  if (ended.status === 'ok' || ended.status === 'cancelled' || ended.error?.retryable === false) return undefined
  const { retry } = state.command.params.policy
  const tries = ended.attempt_no - (state.run.tries_from ?? 1) + 1
  if (tries >= retry.max_attempts) return undefined
  // A task that waits for an input cannot sleep.
  return state.task.state === 'waiting' ? 0 : retryDelayMs(retry, tries, state.run.id)
}

/** What becomes of run and task once the attempt has ended. */
export interface Next {
  readonly run: Run
  readonly task: Task
  readonly event: RunEventType
  readonly payload: RunEvent['payload']
  readonly places: readonly Write[]
  /** The end of inputs that were in its last turn, or that the run will not take. */
  readonly settled?: readonly Write[]
  readonly signals: readonly Signal[]
}

const errorPayload = (ended: EndedAttempt): RunEvent['payload'] =>
  ended.error === undefined ? {} : { error: { code: ended.error.code, message: ended.error.message } }

/** A run between two attempts. */
const between = (run: Run, attempt: EndedAttempt, now_ms: number): Extract<Run, { status: 'accepted' }> => ({
  kind: 'run',
  id: run.id,
  workspace_id: run.workspace_id,
  task_id: run.task_id,
  agent_id: run.agent_id,
  session_id: run.session_id,
  class_key: run.class_key,
  ...(run.previous_run_id === undefined ? {} : { previous_run_id: run.previous_run_id }),
  status: 'accepted',
  attempt,
  event_seq: run.event_seq,
  ...(run.inputs === undefined ? {} : { inputs: run.inputs }),
  ...(run.questions === undefined ? {} : { questions: run.questions }),
  ...(run.tries_from === undefined ? {} : { tries_from: run.tries_from }),
  ...(run.usage === undefined ? {} : { usage: run.usage }),
  created_at: run.created_at,
  updated_at: timestamp(now_ms),
  ...(run.started_at === undefined ? {} : { started_at: run.started_at }),
  version: run.version,
})

const inSight = (task: TaskIn<'waiting'>) => {
  const { archived_at: _, ...kept } = task
  return kept
}

/** The task in line again, for another attempt or another run. */
const inLine = (
  { task, command }: EndingState,
  changes: Partial<Pick<Task, 'usage'>>,
  now_ms: number,
): { task: TaskIn<'queued'>; places: readonly Write[] } => {
  const now = timestamp(now_ms)
  const { queued_at: _, due_at: __, queue_timeout_at: ___, ...kept } = task.state === 'waiting' ? inSight(task) : task
  const late = queueTimeout(command.params, now_ms)
  const due_at = earlier(timestamp(now_ms + look_again_ms), late.queue_timeout_at)
  const queued = movedTask(task, { ...kept, ...changes, ...late, state: 'queued', queued_at: now, due_at, updated_at: now })
  return { task: queued, places: [{ op: 'put_if_absent', record: placeInLine(queued, command.params.lane) }] }
}

const retried = (state: EndingState, ended: EndedAttempt, ending: Ending, delay_ms: number, now_ms: number): Next => {
  const keeps = ending.saved?.transcript_bytes === undefined
  const withdrawn = withdrawnQuestions(between(state.run, ended, now_ms), state.approvals ?? [], keeps, 'attempt_ended', now_ms)
  const { run, settled } = { run: keptForAnswer(withdrawn.run), settled: withdrawn.writes }
  const payload = { attempt_no: ended.attempt_no, outcome: ended.status, delay_ms, ...errorPayload(ended) }
  if (delay_ms === 0) return { run, ...inLine(state, {}, now_ms), event: 'retry_scheduled', payload, settled, signals: [] }
  const { task } = state
  const { queued_at: _, due_at: __, queue_timeout_at: ___, ...kept } = task
  const wake_at = timestamp(now_ms + delay_ms)
  const sleeping = movedTask(task, { ...kept, state: 'sleeping', wake_at, due_at: wake_at, updated_at: timestamp(now_ms) })
  return { run, task: sleeping, event: 'retry_scheduled', payload, places: [], settled, signals: wakeSignals(sleeping, now_ms) }
}

/**
 * The turn is over, inputs are left, and the runner is gone: the run goes on with them in another attempt at once. That is no retry.
 * @param settled the run, and the end of the inputs of its last turn
 */
const continued = (state: EndingState, ended: EndedAttempt, settled: Settled, now_ms: number): Next => {
  const run: Run = { ...between(settled.run, ended, now_ms), tries_from: ended.attempt_no + 1 }
  const payload = { attempt_no: ended.attempt_no, outcome: ended.status, input_ids: pendingInputs(run).map(({ id }) => id) }
  return { run, ...inLine(state, {}, now_ms), event: 'input_dispatched', payload, settled: settled.writes, signals: [] }
}

interface Settled {
  readonly run: Run
  readonly writes: readonly Write[]
}

const endedRun = (run: Run, ended: EndedAttempt, { result }: Ending, now_ms: number): Run => {
  const { live_usage: _, waiting_since: __, ...kept } = run
  const now = timestamp(now_ms)
  return {
    ...kept,
    status: ended.status,
    attempt: ended,
    updated_at: now,
    ended_at: now,
    ...(ended.error === undefined ? {} : { error: ended.error }),
    ...(result === undefined ? {} : { result }),
  }
}

/** The run is over and takes none of the inputs that are left. */
const over = (state: EndingState, ended: EndedAttempt, settled: Settled, usage: Usage, now_ms: number): Next => {
  const { task } = state
  const now = timestamp(now_ms)
  const { due_at: _, queue_timeout_at: __, ...kept } = task
  const finished = movedTask(task, {
    ...kept,
    state: task_state_of_outcome[ended.status],
    finished_at: now,
    updated_at: now,
    usage: addUsage(task.usage ?? no_usage, usage),
  })
  return {
    run: settled.run,
    task: finished,
    event: 'finished',
    payload: { attempt_no: ended.attempt_no, outcome: ended.status, ...errorPayload(ended) },
    places: [],
    settled: settled.writes,
    signals: [],
  }
}

/**
 * The run has failed for good. Inputs that no run has failed with yet are carried over to a new run of the task, once; the others are
 * rejected, and so are all where the error says that trying again is of no use.
 */
const failed = (state: EndingState, ended: EndedAttempt, run: Run, usage: Usage, now_ms: number): Next => {
  const { inputs } = run
  const carried = ended.error?.retryable === false ? [] : pendingInputs(run).filter((input) => input.carried !== true)
  const rejected = pendingInputs(run).filter((input) => !carried.includes(input))
  const settled = settledInputs(
    run,
    state.inputs ?? [],
    rejected.map(({ id }) => ({ id, disposition: { kind: 'rejected', reason: 'run_failed' } })),
    now_ms,
  )
  if (carried.length === 0 || inputs === undefined) return over(state, ended, settled, usage, now_ms)
  const pending = carried.map(({ id, seq, queue_mode }) => ({ id, seq, queue_mode, carried: true as const }))
  return {
    run: { ...settled.run, inputs: { ...inputs, pending, ...(knowsMessage(run) ? { next_knows_message: true } : {}) } },
    ...inLine(state, { usage: addUsage(state.task.usage ?? no_usage, usage) }, now_ms),
    event: 'finished',
    payload: { attempt_no: ended.attempt_no, outcome: ended.status, carried_over: pending.length, ...errorPayload(ended) },
    settled: settled.writes,
    signals: [],
  }
}

/** What the last turn had taken is consumed; a runner that counts no turns has ended the one that comes next. */
const turnDone = (state: EndingState, run: Run, ended: EndedAttempt, ending: Ending, now_ms: number): Settled => {
  if (run.inputs === undefined) return { run, writes: [] }
  const turn = ending.turn ?? run.inputs.turns + 1
  const done: Run = { ...run, inputs: { ...run.inputs, turns: turn } }
  return settledInputs(done, state.inputs ?? [], turnSettlements(state.run, ended.attempt_no, turn), now_ms)
}

/** The run waits for a human: its attempt is over, it is not (decide/park.ts). Where it waits for an input, its turn is over too. */
const parks = (state: EndingState, ended: EndedAttempt, ending: Ending, parking: Parking, now_ms: number): Next => {
  const asks = parking === 'question'
  const marked = asks
    ? withQuestions(
        state.run,
        questionsOf(state.run).map((question) => ({ ...question, saved: true })),
      )
    : state.run
  const live = asks ? { run: marked, writes: [] } : withdrawnQuestions(marked, state.approvals ?? [], false, 'attempt_ended', now_ms)
  const counted: Run = { ...live.run, inputs: live.run.inputs ?? { last_seq: 0, turns: 0, pending: [] } }
  const is_between_turns = asks || state.run.waiting_since !== undefined
  const done = is_between_turns ? { run: live.run, writes: [] } : turnDone(state, counted, ended, ending, now_ms)
  const idle: Run = { ...keptForAnswer(between(done.run, ended, now_ms)), tries_from: ended.attempt_no + 1 }
  const { run, task, places } = parkedWork(state.task, idle, parking, state.command, state.parked_ms_max ?? 0, now_ms)
  const payload = { attempt_no: ended.attempt_no, waits_for: parking, ...errorPayload(ended) }
  return { run, task, event: 'parked', payload, places, settled: [...live.writes, ...done.writes], signals: [] }
}

/** The end of a run that asks nothing any more, or what its inputs make of it. */
const withoutQuestions = (state: EndingState, ended: EndedAttempt, ending: Ending, run: Run, usage: Usage, now_ms: number): Next | undefined => {
  if (ended.status === 'cancelled') return over(state, ended, rejectedInputs(run, state.inputs ?? [], 'run_cancelled', now_ms), usage, now_ms)
  if (ended.status !== 'ok') return failed(state, ended, run, usage, now_ms)
  const settled = turnDone(state, run, ended, ending, now_ms)
  if (pendingInputs(settled.run).length === 0) return over(state, ended, settled, usage, now_ms)
  return ending.hears === true && ending.turn !== undefined ? undefined : continued(state, ended, settled, now_ms)
}

/** What comes after an attempt that has ended. Undefined: inputs are left, and the runner hears that it has to go on. */
export const afterAttempt = (state: EndingState, ended: EndedAttempt, ending: Ending, usage: Usage, now_ms: number): Next | undefined => {
  const delay_ms = retryIn(state, ended)
  // It did nothing but wait for an input: the next one finds it parked.
  if (delay_ms !== undefined && state.run.waiting_since !== undefined && waitingInputs(state.run).length === 0)
    return parks(state, ended, ending, 'input', now_ms)
  if (delay_ms !== undefined) return retried(state, ended, ending, delay_ms, now_ms)
  if (ended.status === 'ok' && ending.parks !== undefined) {
    const go_on = ending.parks === 'input' && ending.hears === true && waitingInputs(state.run).length > 0
    return go_on ? undefined : parks(state, ended, ending, ending.parks, now_ms)
  }
  const cancelled = ended.status === 'cancelled'
  const { run, writes } = withdrawnQuestions(
    endedRun(state.run, ended, ending, now_ms),
    state.approvals ?? [],
    false,
    cancelled ? 'run_cancelled' : 'run_over',
    now_ms,
  )
  const next = withoutQuestions(state, ended, ending, run, usage, now_ms)
  return next === undefined ? undefined : { ...next, settled: [...writes, ...(next.settled ?? [])] }
}
