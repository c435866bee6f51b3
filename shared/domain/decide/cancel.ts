/** Cancel, archive and retry of tasks, by a client's word. */
import { decided, type Decision } from '../decision.ts'
import { ringRunner } from '../doorbell.ts'
import { earlier, look_again_ms, queueTimeout } from '../due.ts'
import { runEvent } from '../events.ts'
import { pendingInputs, rejectedInputs } from '../inputs.ts'
import { withdrawnQuestions } from '../questions.ts'
import { unkeptSession } from './session.ts'
import { placeInLine } from '../lines.ts'
import { never, refuse, type Refusal } from '../result.ts'
import { isArchivable, isEndedRun, isTerminalTask, movedRun, movedTask } from '../transitions.ts'
import { timestamp } from '../time.ts'
import { addUsage, no_usage, runUsage } from '../usage.ts'
import { refOf, refs } from '../../store/keys.ts'
import { isLive, type Attempt, type AttemptStatus, type Run, type StopReason } from '../run.ts'
import type { Approval } from '../approval.ts'
import type { Command } from '../command.ts'
import type { RunId } from '../ids.ts'
import type { Input } from '../input.ts'
import type { Place } from '../instance.ts'
import type { Session } from '../session.ts'
import type { Signal } from '../../ports/ports.ts'
import type { DropReason, Task, TaskIn } from '../task.ts'
import type { Write } from '../../store/store.ts'

export interface LiveWork {
  readonly run_id: RunId
  readonly attempt_no: number
  readonly status: AttemptStatus
}
export interface Cancelled {
  readonly task: Task
  readonly run?: Run
  readonly live?: LiveWork
}
export interface CancelState {
  readonly task: Task
  /** The task's latest run, if it has one. */
  readonly run: Run | undefined
  /** Where the task stands in line, if it does. */
  readonly place: Place | undefined
  /** Those that are pending in the run. */
  readonly inputs?: readonly Input[]
  /** Those that are open in the run. */
  readonly approvals?: readonly Approval[]
  /** Where it may be kept for the run. */
  readonly session?: Session | undefined
}

const leaveLine = (place: Place | undefined): readonly Write[] =>
  place === undefined ? [] : [{ op: 'delete_if_version', ref: refOf(place), version: place.version }]

/** Between two attempts: the run goes on, but nothing of it is live. */
const isIdle = (run: Run | undefined): run is Extract<Run, { status: 'accepted' }> => run?.status === 'accepted' && !isLive(run.attempt)

/** What the task has used, with the attempts of a run that ends with it. */
const usageOf = (task: Task, run: Run | undefined): Pick<Task, 'usage'> => {
  const usage = isIdle(run) ? addUsage(task.usage ?? no_usage, runUsage(run)) : task.usage
  return usage === undefined ? {} : { usage }
}

interface Ended {
  readonly writes: readonly Write[]
  readonly signals: readonly Signal[]
}

/**
 * Ends a run that has no live attempt, because its task ends while it waits. It takes no more inputs and no answers; nor does the run that was
 * to come after one that is over.
 */
const endIdleRun = ({ run, inputs = [], approvals = [], session }: CancelState, outcome: 'cancelled' | 'error', now_ms: number): Ended => {
  const reason = outcome === 'cancelled' ? 'run_cancelled' : 'run_failed'
  if (run !== undefined && isEndedRun(run) && pendingInputs(run).length > 0) {
    const left = rejectedInputs(run, inputs, reason, now_ms)
    return { writes: [{ op: 'replace_if_version', record: { ...left.run, updated_at: timestamp(now_ms) } }, ...left.writes], signals: [] }
  }
  if (!isIdle(run)) return { writes: [], signals: [] }
  const now = timestamp(now_ms)
  const why = outcome === 'cancelled' ? 'run_cancelled' : 'run_over'
  const { parked: _, ...going } = run
  const withdrawn = withdrawnQuestions(going, approvals, false, why, now_ms)
  const ended = movedRun(run, { ...withdrawn.run, status: outcome, ended_at: now, updated_at: now, event_seq: withdrawn.run.event_seq + 1 })
  const settled = rejectedInputs(ended, inputs, reason, now_ms)
  const unkept = unkeptSession(session, run.id, now_ms)
  return {
    writes: [
      { op: 'replace_if_version', record: settled.run },
      { op: 'put_if_absent', record: runEvent(settled.run, 'finished', now_ms, { outcome }, true) },
      ...settled.writes,
      ...withdrawn.writes,
      ...unkept.writes,
    ],
    signals: unkept.signals,
  }
}

/** Ends a task that has no live attempt. */
const endIdleTask = (state: CancelState & { task: TaskIn<'queued' | 'sleeping' | 'waiting'> }, now_ms: number): Decision<Cancelled> => {
  const now = timestamp(now_ms)
  const { due_at: _, queue_timeout_at: __, ...kept } = state.task
  const bare = 'wake_at' in kept ? (({ wake_at: _wake, ...rest }) => rest)(kept) : kept
  const task = movedTask(state.task, { ...bare, ...usageOf(state.task, state.run), state: 'cancelled', finished_at: now, updated_at: now })
  const ended = endIdleRun(state, 'cancelled', now_ms)
  return decided([{ op: 'replace_if_version', record: task }, ...leaveLine(state.place), ...ended.writes], ended.signals, { task })
}

/**
 * Tells the live attempt of a run to stop. It holds its place and its session until it is known to be gone.
 * @param killed it is fenced too: nothing that it sends from now on changes anything
 */
export const decideStop = (task: TaskIn<'running' | 'waiting'>, run: Run, reason: StopReason, now_ms: number, killed = false): Decision<Cancelled> => {
  const { attempt } = run
  if (!isLive(attempt)) throw new Error(`${task.id} runs, but ${run.id} has no live attempt`)
  const live: LiveWork = { run_id: run.id, attempt_no: attempt.attempt_no, status: attempt.status }
  const now = timestamp(now_ms)
  const signal = { kind: 'task', workspace_id: task.workspace_id, task_id: task.id, delay_ms: 0 } as const
  if (attempt.status === 'stopping') {
    const fences = killed && attempt.killed !== true
    if (!fences && (reason !== 'cancel' || attempt.stop_reason === 'cancel')) return decided([], [signal], { task, run, live })
    const firmer: Run = { ...run, attempt: { ...attempt, stop_reason: 'cancel', ...(killed ? { killed } : {}) }, updated_at: now }
    return decided([{ op: 'replace_if_version', record: firmer }], [signal], { task, run: firmer, live })
  }
  const stopping: Attempt = {
    status: 'stopping',
    id: attempt.id,
    attempt_no: attempt.attempt_no,
    strategy: attempt.strategy,
    fencing_token: attempt.fencing_token,
    admitted_at: attempt.admitted_at,
    ...(attempt.counted === undefined ? {} : { counted: attempt.counted }),
    ...(attempt.execution_id === undefined ? {} : { execution_id: attempt.execution_id }),
    ...(attempt.status === 'running' ? { started_at: attempt.started_at, token_hash: attempt.token_hash, lease_expires_at: attempt.lease_expires_at } : {}),
    stop_reason: reason,
    stop_requested_at: now,
    ...(killed ? { killed } : {}),
  }
  const told = movedRun(run, { ...run, attempt: stopping, event_seq: run.event_seq + 1, updated_at: now })
  const due: Task = { ...task, due_at: now, updated_at: now }
  return decided(
    [
      { op: 'replace_if_version', record: told },
      {
        op: 'put_if_absent',
        record: runEvent(told, 'cancel_requested', now_ms, { attempt_no: attempt.attempt_no, reason, ...(killed ? { killed } : {}) }, false),
      },
      { op: 'replace_if_version', record: due },
      {
        op: 'add_within_limit',
        ref: refs.instance(run.workspace_id, run.class_key),
        change: { add: { [attempt.status]: -1, stopping: 1 } },
        conditions: [],
      },
    ],
    [signal, ...ringRunner(run)],
    { task: due, run: told, live },
  )
}

/** Cancel wins over everything that has not finished; cancelling what is over changes nothing. */
export const decideCancel = (state: CancelState, now_ms: number): Decision<Cancelled> => {
  const { task, run } = state
  switch (task.state) {
    case 'sleeping':
    case 'queued':
      return endIdleTask({ ...state, task }, now_ms)
    case 'waiting':
      return run !== undefined && isLive(run.attempt) ? decideStop(task, run, 'cancel', now_ms) : endIdleTask({ ...state, task }, now_ms)
    case 'running':
      if (run === undefined) throw new Error(`${task.id} runs, but has no run`)
      return decideStop(task, run, 'cancel', now_ms)
    case 'done':
    case 'error':
    case 'dropped':
    case 'cancelled':
      return decided([], [], { task, ...(run === undefined ? {} : { run }) })
    default:
      return never(task)
  }
}

/** A queued task leaves the line for good, with the reason. */
export const decideDrop = (state: CancelState & { task: TaskIn<'queued'> }, dropped_reason: DropReason, now_ms: number): Decision => {
  const now = timestamp(now_ms)
  const { due_at: _, queue_timeout_at: __, ...kept } = state.task
  const task = movedTask(state.task, { ...kept, ...usageOf(state.task, state.run), state: 'dropped', dropped_reason, finished_at: now, updated_at: now })
  const ended = endIdleRun(state, 'error', now_ms)
  return decided([{ op: 'replace_if_version', record: task }, ...leaveLine(state.place), ...ended.writes], ended.signals, undefined)
}

/** Only terminal and waiting tasks can be archived; archiving twice is fine. */
export const decideArchive = (task: Task, now_ms: number): Decision<Task> | Refusal => {
  if (!isArchivable(task))
    return refuse('illegal_state', `a ${task.state} task cannot be archived: cancel it first, or wait until it has ended`, [
      { field: 'state', message: 'cannot be archived', value: task.state, allowed: ['done', 'error', 'dropped', 'cancelled', 'waiting'] },
    ])
  if (task.archived_at !== undefined) return decided([], [], task)
  const now = timestamp(now_ms)
  const archived: Task = { ...task, archived_at: now, updated_at: now }
  return decided([{ op: 'replace_if_version', record: archived }], [], archived)
}

/** A terminal task is put in line again; it gets a new run when its turn comes, and goes on in its session. */
export const decideRetry = (task: Task, command: Command, now_ms: number): Decision<Task> | Refusal => {
  if (!isTerminalTask(task))
    return refuse('illegal_state', `a ${task.state} task cannot be retried: it is not over`, [
      { field: 'state', message: 'not over', value: task.state, allowed: ['done', 'error', 'dropped', 'cancelled'] },
    ])
  const now = timestamp(now_ms)
  const late = queueTimeout(command.params, now_ms)
  const queued = movedTask(task, {
    kind: 'task',
    id: task.id,
    workspace_id: task.workspace_id,
    agent_id: task.agent_id,
    session_id: task.session_id,
    class_key: task.class_key,
    command_key: task.command_key,
    priority: task.priority,
    ...(task.label === undefined ? {} : { label: task.label }),
    ...(task.target_run_id === undefined ? {} : { target_run_id: task.target_run_id }),
    ...(task.usage === undefined ? {} : { usage: task.usage }),
    accepted_at: task.accepted_at,
    state: 'queued',
    queued_at: now,
    updated_at: now,
    ...late,
    due_at: earlier(timestamp(now_ms + look_again_ms), late.queue_timeout_at),
    version: task.version,
  })
  return decided(
    [
      { op: 'replace_if_version', record: queued },
      { op: 'put_if_absent', record: placeInLine(queued, command.params.lane) },
    ],
    [{ kind: 'class', workspace_id: task.workspace_id, class_key: task.class_key }],
    queued,
  )
}
