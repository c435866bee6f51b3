/** Everything new about a task, in one answer. */
import type { TaskEventBatch } from '../contract/task-logs.ts'
import { refuse, ok, type Result } from '../domain/result.ts'
import type { Command } from '../domain/command.ts'
import type { RunId } from '../domain/ids.ts'
import type { Run } from '../domain/run.ts'
import type { Task } from '../domain/task.ts'
import { refs } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { interactionView, runView } from '../views/run-view.ts'
import { taskView } from '../views/task-view.ts'
import { text_max } from '../views/text.ts'
import { eventsAfter } from './events.ts'
import { pendingOf } from './inputs.ts'
import type { LogPosition } from './log-reader.ts'
import { cursorAt, logPosition, readRunLogs } from './logs.ts'
import { commandsOf } from './tasks.ts'

/** How much one batch brings of each. */
const batch_max = 200

export interface EventCursors {
  readonly log_cursor: string
  readonly run_event_cursor: string
  /** The run that the cursors are of. */
  readonly cursor_run_id?: RunId | undefined
}

/** Where a reader stands in a run: the last log entry and the last event that it has. `log` undefined: before the first. */
export interface RunPosition {
  readonly log: LogPosition | undefined
  readonly seq: number
}
export const run_start: RunPosition = { log: undefined, seq: 0 }

const eventSeq = (cursor: string): Result<number> =>
  /^\d{1,8}$/.test(cursor)
    ? ok(Number(cursor))
    : refuse('invalid_request', 'run_event_cursor is no cursor of this list', [
        { field: 'run_event_cursor', message: 'is no cursor of this list: use one from its answer, or 0', value: cursor },
      ])

/** The position that the cursors of a request name. */
export const positionOf = (cursors: EventCursors): Result<RunPosition> => {
  const log = logPosition(cursors.log_cursor, 'log_cursor')
  if (!log.ok) return log
  const seq = eventSeq(cursors.run_event_cursor)
  return seq.ok ? ok({ log: log.value, seq: seq.value }) : seq
}

export const commandOf = async (store: Store, task: Task): Promise<Command> => {
  const [command] = await commandsOf(store, [task])
  if (command === undefined) throw new Error(`the command of ${task.id} is missing`)
  return command
}

const baseOf = (task: Task, command: Command) => ({ task_id: task.id, task: taskView(task, command, text_max.listed), pending_inputs: [] })

/** The batch of a task that has no run yet. */
export const batchWithoutRun = (task: Task, command: Command): TaskEventBatch => ({
  ...baseOf(task, command),
  logs: [],
  run_events: [],
  next_log_cursor: '0',
  next_run_event_cursor: '0',
})

export interface RunBatch {
  readonly batch: TaskEventBatch
  /** Behind the batch. */
  readonly at: RunPosition
  /** The batch is full: there is more at once. */
  readonly more: boolean
}

/** What is new of one run of a task. The logs are read last: what the records say is over is complete in them. */
export const batchOfRun = async (store: Store, task: Task, command: Command, run: Run, from: RunPosition, now_ms: number): Promise<RunBatch> => {
  const events = await eventsAfter(store, run, from.seq <= run.event_seq ? from.seq : 0, batch_max)
  const interaction = interactionView(run, await pendingOf(store, run))
  const { logs, at, more } = await readRunLogs(store, run, from.log, batch_max, now_ms)
  const batch = {
    ...baseOf(task, command),
    run_id: run.id,
    run: runView(run, command),
    interaction,
    pending_inputs: interaction.pending_inputs,
    logs: [...logs],
    run_events: [...events.items],
    next_log_cursor: cursorAt(at),
    next_run_event_cursor: String(events.last),
  }
  return { batch, at: { log: at, seq: events.last }, more: more || events.more }
}

/**
 * The batch behind the cursors. The task is read first and the logs last, so a batch that shows a task at its end has, with those
 * that follow until one is empty, all of its logs.
 */
export const taskEventBatch = async (store: Store, task: Task, cursors: EventCursors, now_ms: number): Promise<Result<TaskEventBatch>> => {
  const position = positionOf(cursors)
  if (!position.ok) return position
  const command = await commandOf(store, task)
  const run = task.target_run_id === undefined ? undefined : await store.get(refs.run(task.workspace_id, task.target_run_id))
  if (run === undefined) return ok(batchWithoutRun(task, command))
  const is_same_run = cursors.cursor_run_id === undefined || cursors.cursor_run_id === run.id
  return ok((await batchOfRun(store, task, command, run, is_same_run ? position.value : run_start, now_ms)).batch)
}
