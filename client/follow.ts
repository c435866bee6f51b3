/** Following a task by asking: batches by cursors, asked for quickly while something happens and slowly while nothing does. */
import type { TaskEventBatch } from '../shared/contract/task-logs.ts'
import type { TaskState } from '../shared/domain/task.ts'
import { terminal_task_states } from '../shared/domain/transitions.ts'

/** Polling: after news at once this soon again, then ever slower. */
const poll_ms_min = 200
const poll_ms_max = 2_000
const poll_growth = 1.5

const terminal_states: ReadonlySet<TaskState> = new Set(terminal_task_states)
const hasEnded = (batch: TaskEventBatch | undefined): boolean => batch?.task !== undefined && terminal_states.has(batch.task.state)

/** Where somebody stands in the events of a task: the last batch that was seen, or what it says of its end. */
export type Place = Pick<TaskEventBatch, 'next_log_cursor' | 'next_run_event_cursor' | 'run_id'>

export interface FollowOptions {
  /** Only what followed this batch. Without it: the current run from its beginning. */
  readonly after?: Place | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Cursors {
  readonly log_cursor: string
  readonly run_event_cursor: string
  readonly cursor_run_id?: string
}

export interface FollowPorts {
  readonly events: (task_id: string, cursors: Partial<Cursors>, options: { readonly signal?: AbortSignal | undefined }) => Promise<TaskEventBatch>
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
}

export const cursorsOf = (place: Place | undefined): Partial<Cursors> =>
  place === undefined
    ? {}
    : {
        log_cursor: place.next_log_cursor,
        run_event_cursor: place.next_run_event_cursor,
        ...(place.run_id === undefined ? {} : { cursor_run_id: place.run_id }),
      }

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
    const batch = await ports.events(task_id, cursorsOf(before ?? options.after), { signal: options.signal })
    const is_news = delivers(batch) || changed(batch, before)
    if (is_news) yield batch
    else if (hasEnded(before)) return undefined
    before = batch
    pause_ms = is_news ? poll_ms_min : Math.min(pause_ms * poll_growth, poll_ms_max)
    if (!hasEnded(batch)) await ports.sleep(pause_ms, options.signal)
    options.signal?.throwIfAborted()
  }
}
