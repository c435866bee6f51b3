/**
 * A task's events as a stream that can be broken off anywhere and taken up again. A position says what its reader has; each step
 * looks once and gives what is new behind the position, and the position behind that. A step reads the task, the run and the tail of
 * its log (and events only where the run has newer ones), so a look that finds nothing costs about three read units.
 */
import * as z from 'zod'
import type { TaskEventBatch } from '../contract/task-logs.ts'
import type { Command } from '../domain/command.ts'
import { RunId, TaskId } from '../domain/ids.ts'
import { ok, refuse, type Result } from '../domain/result.ts'
import type { Run } from '../domain/run.ts'
import type { Task } from '../domain/task.ts'
import { isTerminalTask, type TerminalTask } from '../domain/transitions.ts'
import { refs } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { LogPosition } from './log-reader.ts'
import { batchOfRun, batchWithoutRun, positionOf, run_start, type EventCursors, type RunBatch, type RunPosition } from './task-events.ts'

const StreamPosition = z.strictObject({
  task: TaskId,
  /** The run that the reader is in; absent before the first. */
  run: RunId.optional(),
  log: LogPosition.optional(),
  seq: z.int().min(0).max(99_999_999),
  /** State of the task, status and attempt of the run that the reader knows: a batch that says only these again is no news. */
  seen: z.string().max(60).optional(),
  /** The reader knows that the task has ended. */
  end: z.literal(true).optional(),
})
export type StreamPosition = z.infer<typeof StreamPosition>

const list = 'task-stream'
const header = 'last-event-id'

/** A position as the id of a server-sent event. */
export const eventId = (position: StreamPosition): string => encodeCursor(list, position)

/** A task is restarted at most so often while a reader is away; one that is further behind has to start again. */
const restarts_max = 50

/** The runs of a task from the first one, or from the one that is named, to the current one; undefined if that is none of the task's. */
const runsFrom = async (store: Store, task: Task, run_id: RunId | undefined): Promise<readonly Run[] | undefined> => {
  const runs: Run[] = []
  let wanted = task.target_run_id
  for (let depth = 0; depth <= restarts_max && wanted !== undefined; depth += 1) {
    const run: Run | undefined = await store.get(refs.run(task.workspace_id, wanted))
    if (run === undefined) throw new Error(`${wanted} is missing`)
    runs.unshift(run)
    if (run.id === run_id) return runs
    wanted = run.previous_run_id
  }
  return run_id === undefined ? runs : undefined
}

const notOfThisTask = (value: string): Result<never> =>
  refuse('invalid_request', `${header} names no place in this stream`, [
    { field: header, message: 'names no place in this stream: send the id of an event of this task, or none', value },
  ])

/** A place that this run cannot have been read to. */
const isAhead = (run: Run, { log, seq }: StreamPosition): boolean =>
  seq > run.event_seq || (log !== undefined && (log.run !== run.id || log.attempt > run.attempt.attempt_no))

/** Where a stream goes on that was broken off behind the event of this id. An id that no stream of the task can have sent is refused. */
export const positionOfId = async (store: Store, task: Task, id: string): Promise<Result<StreamPosition>> => {
  const decoded = decodeCursor(list, StreamPosition, id, header)
  if (!decoded.ok) return decoded
  const { value } = decoded
  if (value.task !== task.id) return notOfThisTask(id)
  if (value.run === undefined) return value.seq === 0 && value.log === undefined ? decoded : notOfThisTask(id)
  const [run] = (await runsFrom(store, task, value.run)) ?? []
  return run === undefined || isAhead(run, value) ? notOfThisTask(id) : decoded
}

/** Where a stream begins that names the cursors of a batch, or none. Cursors without their run are of the current one. */
export const positionOfCursors = async (store: Store, task: Task, cursors: EventCursors): Promise<Result<StreamPosition>> => {
  const position = positionOf(cursors)
  if (!position.ok) return position
  const run_id = cursors.cursor_run_id ?? task.target_run_id
  const [run] = run_id === undefined ? [] : ((await runsFrom(store, task, run_id)) ?? [])
  return ok(placed(task, run, run === undefined || position.value.seq > run.event_seq ? run_start : position.value))
}

const placed = (task: Task, run: Run | undefined, { log, seq }: RunPosition): StreamPosition => ({
  task: task.id,
  ...(run === undefined ? {} : { run: run.id }),
  ...(run === undefined || log?.run !== run.id ? {} : { log }),
  seq: run === undefined ? 0 : seq,
})

export type Step =
  /** `more`: there is more at once. */
  | { readonly kind: 'news'; readonly batch: TaskEventBatch; readonly position: StreamPosition; readonly more: boolean }
  | { readonly kind: 'nothing' }
  /** The task is over, and the reader has all of it. */
  | { readonly kind: 'end'; readonly state: TerminalTask['state']; readonly position: StreamPosition }

const seenOf = (task: Task, run: Run | undefined): string => `${task.state}/${run?.status ?? ''}/${run?.attempt.attempt_no ?? ''}`

interface Look extends RunBatch {
  readonly task: Task
  readonly run: Run | undefined
}

const load = async (store: Store, { workspace_id }: Command, { task: task_id, run: run_id }: StreamPosition): Promise<{ task: Task; run: Run | undefined }> => {
  const wanted = [refs.task(workspace_id, task_id), ...(run_id === undefined ? [] : [refs.run(workspace_id, run_id)])]
  const [task, run] = await store.getMany<'task' | 'run'>(wanted)
  if (task?.kind !== 'task') throw new Error(`${task_id} is missing`)
  return { task, run: run?.kind === 'run' ? run : undefined }
}

const at = ({ log, seq }: StreamPosition): RunPosition => ({ log, seq })
const delivers = ({ batch }: RunBatch): boolean => batch.logs.length > 0 || batch.run_events.length > 0

/** What is new in the reader's run and, where it has all of that, in the first later run that has anything. */
const look = async (store: Store, command: Command, position: StreamPosition, now_ms: number): Promise<Look> => {
  const { task, run } = await load(store, command, position)
  const found = run === undefined ? undefined : await batchOfRun(store, task, command, run, at(position), now_ms)
  if (run !== undefined && found !== undefined && (delivers(found) || run.id === task.target_run_id)) return { ...found, task, run }
  const later = await laterRun(store, task, run)
  if (later !== undefined) return { ...(await batchOfRun(store, task, command, later, run_start, now_ms)), task, run: later }
  return { batch: batchWithoutRun(task, command), at: run_start, more: false, task, run: undefined }
}

/** The run behind `run`; the first one where the reader had none. */
const laterRun = async (store: Store, task: Task, run: Run | undefined): Promise<Run | undefined> => {
  const runs = await runsFrom(store, task, run?.id)
  return run === undefined ? runs?.[0] : runs?.[1]
}

/** Looks once. Where there is no news the position stays. */
export const nextStep = async (store: Store, command: Command, position: StreamPosition, now_ms: number): Promise<Step> => {
  const looked = await look(store, command, position, now_ms)
  const { task, run, batch, more } = looked
  const seen = seenOf(task, run)
  if (delivers(looked) || seen !== position.seen) return { kind: 'news', batch, more, position: { ...placed(task, run, looked.at), seen } }
  if (isTerminalTask(task)) return { kind: 'end', state: task.state, position: { ...position, end: true } }
  return { kind: 'nothing' }
}
