/** Following a task: batches by cursors, asked for quickly while something happens and slowly while nothing does. */
import type { TaskEventBatch } from '../shared/contract/task-logs.ts'
import type { TaskState } from '../shared/domain/task.ts'
import { terminal_task_states } from '../shared/domain/transitions.ts'

/** Polling: after news at once this soon again, then ever slower. */
const poll_ms_min = 200
const poll_ms_max = 2_000
const poll_growth = 1.5

const terminal_states: ReadonlySet<TaskState> = new Set(terminal_task_states)
const hasEnded = (batch: TaskEventBatch | undefined): boolean => batch?.task !== undefined && terminal_states.has(batch.task.state)

export interface FollowOptions {
  readonly signal?: AbortSignal | undefined
}

interface Cursors {
  readonly log_cursor: string
  readonly run_event_cursor: string
  readonly cursor_run_id?: string
}

export interface FollowPorts {
  readonly events: (task_id: string, cursors: Partial<Cursors>, options: { readonly signal?: AbortSignal | undefined }) => Promise<TaskEventBatch>
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
}

const cursorsOf = (batch: TaskEventBatch): Cursors => ({
  log_cursor: batch.next_log_cursor,
  run_event_cursor: batch.next_run_event_cursor,
  ...(batch.run_id === undefined ? {} : { cursor_run_id: batch.run_id }),
})

const delivers = (batch: TaskEventBatch): boolean => batch.logs.length > 0 || batch.run_events.length > 0

const changed = (batch: TaskEventBatch, before: TaskEventBatch | undefined): boolean =>
  batch.task?.state !== before?.task?.state ||
  batch.run_id !== before?.run_id ||
  batch.run?.status !== before?.run?.status ||
  batch.run?.attempt_no !== before?.run?.attempt_no

/**
 * Yields each batch that holds something new: a log entry, a run event, another state. Ends when the task is terminal and a
 * batch asked for after that brought nothing more. Throws what the client throws, and the signal's reason when it is aborted.
 */
export async function* followTask(ports: FollowPorts, task_id: string, options: FollowOptions = {}): AsyncGenerator<TaskEventBatch, undefined> {
  let before: TaskEventBatch | undefined
  let pause_ms = poll_ms_min
  for (;;) {
    const batch = await ports.events(task_id, before === undefined ? {} : cursorsOf(before), { signal: options.signal })
    const is_news = delivers(batch) || changed(batch, before)
    if (is_news) yield batch
    else if (hasEnded(before)) return undefined
    before = batch
    pause_ms = is_news ? poll_ms_min : Math.min(pause_ms * poll_growth, poll_ms_max)
    if (!hasEnded(batch)) await ports.sleep(pause_ms, options.signal)
    options.signal?.throwIfAborted()
  }
}
