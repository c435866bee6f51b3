/**
 * The legal moves, as data (SPEC §4). `decide` goes through `movedTask` and `movedRun`, so no second place knows one; the
 * console and the docs read the same tables.
 */
import type { Outcome, Run, RunStatus } from './run.ts'
import type { Task, TaskState } from './task.ts'

export const task_moves: Readonly<Record<TaskState, readonly TaskState[]>> = {
  sleeping: ['queued', 'cancelled'],
  queued: ['running', 'dropped', 'cancelled'],
  running: ['waiting', 'sleeping', 'done', 'error', 'queued', 'dropped', 'cancelled'],
  waiting: ['running', 'queued', 'done', 'error', 'cancelled'],
  done: ['queued'],
  error: ['queued'],
  dropped: ['queued'],
  cancelled: ['queued'],
}

export const run_moves: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  accepted: ['running', 'accepted', 'ok', 'error', 'timeout', 'cancelled'],
  running: ['accepted', 'ok', 'error', 'timeout', 'cancelled'],
  ok: [],
  error: [],
  timeout: [],
  cancelled: [],
}

export const terminal_task_states = ['done', 'error', 'dropped', 'cancelled'] as const satisfies readonly TaskState[]
export type TerminalTask = Extract<Task, { state: (typeof terminal_task_states)[number] }>
export type EndedRun = Extract<Run, { status: Outcome }>

const terminal: readonly TaskState[] = terminal_task_states
export const isTerminalTask = (task: Task): task is TerminalTask => terminal.includes(task.state)

/** Only these can be archived. */
export const isArchivable = (task: Task): task is TerminalTask | Extract<Task, { state: 'waiting' }> => isTerminalTask(task) || task.state === 'waiting'

export const isEndedRun = (run: Run): run is EndedRun => run.status !== 'accepted' && run.status !== 'running'

/** The task's state after a run of it ended. */
export const task_state_of_outcome = { ok: 'done', error: 'error', timeout: 'error', cancelled: 'cancelled' } as const satisfies Record<Outcome, TaskState>

/** The task after a move. Throws on an illegal one: that is a bug of the caller, never a client's mistake. */
export const movedTask = <T extends Task>(from: Task, to: T): T => {
  if (!task_moves[from.state].includes(to.state)) throw new Error(`illegal move of ${from.id}: ${from.state} to ${to.state}`)
  return to
}

/** The run after a move, or unchanged in status. Throws on an illegal one. */
export const movedRun = <R extends Run>(from: Run, to: R): R => {
  if (from.status !== to.status && !run_moves[from.status].includes(to.status)) throw new Error(`illegal move of ${from.id}: ${from.status} to ${to.status}`)
  return to
}
