/** Everything new about a task, in one answer. */
import type { TaskEventBatch } from '../contract/task-logs.ts'
import { refuse, ok, type Result } from '../domain/result.ts'
import type { RunId } from '../domain/ids.ts'
import type { Task } from '../domain/task.ts'
import { refs } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { interactionView, runView } from '../views/run-view.ts'
import { taskView } from '../views/task-view.ts'
import { text_max } from '../views/text.ts'
import { eventsAfter } from './events.ts'
import { pendingOf } from './inputs.ts'
import { logPosition, readRunLogs } from './logs.ts'
import { commandsOf } from './tasks.ts'

/** How much one batch brings of each. */
const batch_max = 200

export interface EventCursors {
  readonly log_cursor: string
  readonly run_event_cursor: string
  /** The run that the cursors are of. */
  readonly cursor_run_id?: RunId | undefined
}

const eventSeq = (cursor: string): Result<number> =>
  /^\d{1,8}$/.test(cursor)
    ? ok(Number(cursor))
    : refuse('invalid_request', 'run_event_cursor is no cursor of this list', [
        { field: 'run_event_cursor', message: 'is no cursor of this list: use one from its answer, or 0', value: cursor },
      ])

/**
 * The batch behind the cursors. The task is read first and the logs last, so a batch that shows a task at its end has, with those
 * that follow until one is empty, all of its logs.
 */
export const taskEventBatch = async (store: Store, task: Task, cursors: EventCursors, now_ms: number): Promise<Result<TaskEventBatch>> => {
  const position = logPosition(cursors.log_cursor, 'log_cursor')
  if (!position.ok) return position
  const seq = eventSeq(cursors.run_event_cursor)
  if (!seq.ok) return seq
  const [command] = await commandsOf(store, [task])
  if (command === undefined) throw new Error(`the command of ${task.id} is missing`)
  const base = { task_id: task.id, task: taskView(task, command, text_max.listed), pending_inputs: [] }
  const run = task.target_run_id === undefined ? undefined : await store.get(refs.run(task.workspace_id, task.target_run_id))
  if (run === undefined) return ok({ ...base, logs: [], run_events: [], next_log_cursor: '0', next_run_event_cursor: '0' })
  const is_same_run = cursors.cursor_run_id === undefined || cursors.cursor_run_id === run.id
  const interaction = interactionView(run, await pendingOf(store, run))
  const events = await eventsAfter(store, run, is_same_run && seq.value <= run.event_seq ? seq.value : 0, batch_max)
  const { logs, next_cursor } = await readRunLogs(store, run, is_same_run ? position.value : undefined, batch_max, now_ms)
  return ok({
    ...base,
    run_id: run.id,
    run: runView(run, command),
    interaction,
    pending_inputs: interaction.pending_inputs,
    logs: [...logs],
    run_events: [...events.items],
    next_log_cursor: next_cursor,
    next_run_event_cursor: String(events.last),
  })
}
