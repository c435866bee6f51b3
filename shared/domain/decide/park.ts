/**
 * Parking: a run that waits for a human gives up its sandbox, its place and its session, and costs nothing until it goes on. Its task is
 * `waiting`; what it waits for, or its time, puts it in line again, and its next attempt goes on where the last one stopped.
 */
import { decided, type Decision } from '../decision.ts'
import { earlier, look_again_ms, queueTimeout } from '../due.ts'
import { runEvent } from '../events.ts'
import { waitingInputs } from '../inputs.ts'
import { placeInLine } from '../lines.ts'
import { openQuestions } from '../questions.ts'
import { movedRun, movedTask } from '../transitions.ts'
import { millis, timestamp } from '../time.ts'
import { addUsage, no_usage, runUsage } from '../usage.ts'
import type { Command } from '../command.ts'
import type { Run } from '../run.ts'
import type { Task, TaskIn } from '../task.ts'
import type { Signal } from '../../ports/ports.ts'
import type { Write } from '../../store/store.ts'

export type Parking = NonNullable<Run['parked']>

/** Whether what the run waits for is there. */
export const goesOn = (run: Run, parked: Parking): boolean => (parked === 'question' ? openQuestions(run).length === 0 : waitingInputs(run).length > 0)

/** When a parked run is looked at, though nothing comes: once its first question has expired, or its time is up. */
const dueOf = (run: Run, parked: Parking, parked_ms_max: number, now_ms: number): number =>
  parked === 'question' ? Math.min(...openQuestions(run).map((question) => millis(question.expires_at))) : now_ms + parked_ms_max

/** The task of a run that goes on, in line; and its place there. */
const inLine = (task: TaskIn<'running' | 'waiting'>, command: Command, now_ms: number): { readonly task: Task; readonly places: readonly Write[] } => {
  const now = timestamp(now_ms)
  const late = queueTimeout(command.params, now_ms)
  const { due_at: _, queue_timeout_at: __, ...kept } = task
  const { archived_at: ___, ...bare } = 'archived_at' in kept ? kept : { ...kept, archived_at: undefined }
  const due_at = earlier(timestamp(now_ms + look_again_ms), late.queue_timeout_at)
  const queued = movedTask(task, { ...bare, ...late, ...(due_at === undefined ? {} : { due_at }), state: 'queued', queued_at: now, updated_at: now })
  return { task: queued, places: [{ op: 'put_if_absent', record: placeInLine(queued, command.params.lane) }] }
}

/**
 * Where run and task stand after the attempt has parked. What was waited for may have come while it did: then the task is in line at once.
 * @param run as it is with the attempt ended, not live any more
 */
export const parkedWork = (
  task: TaskIn<'running' | 'waiting'>,
  run: Run,
  parked: Parking,
  command: Command,
  parked_ms_max: number,
  now_ms: number,
): { readonly run: Run; readonly task: Task; readonly places: readonly Write[] } => {
  const now = timestamp(now_ms)
  if (goesOn(run, parked)) return { run, ...inLine(task, command, now_ms) }
  const { due_at: _, queue_timeout_at: __, ...kept } = task
  const due_at = timestamp(dueOf(run, parked, parked_ms_max, now_ms))
  const waiting = { ...kept, state: 'waiting', due_at, updated_at: now } as const
  return { run: { ...run, parked }, task: task.state === 'waiting' ? waiting : movedTask(task, waiting), places: [] }
}

/** Puts the task of a parked run in line again if what it waits for is there. @param run as it is with that; not written here */
export const unparked = (
  task: TaskIn<'waiting'>,
  run: Run,
  command: Command,
  now_ms: number,
): { readonly run: Run; readonly writes: readonly Write[]; readonly signals: readonly Signal[] } => {
  const { parked, ...going } = run
  if (parked === undefined || !goesOn(run, parked)) return { run, writes: [], signals: [] }
  const { task: queued, places } = inLine(task, command, now_ms)
  return {
    run: going,
    writes: [{ op: 'replace_if_version', record: queued }, ...places],
    signals: [{ kind: 'class', workspace_id: task.workspace_id, class_key: task.class_key }],
  }
}

/** No input came for so long that the conversation is over: the run ends well, and so does its task. */
export const decideParkedOver = (task: TaskIn<'waiting'>, run: Extract<Run, { status: 'accepted' }>, now_ms: number): Decision => {
  const now = timestamp(now_ms)
  const { parked: _, ...kept } = run
  const ended = movedRun(run, { ...kept, status: 'ok', ended_at: now, updated_at: now, event_seq: run.event_seq + 1 })
  const { due_at: __, queue_timeout_at: ___, ...rest } = task
  const done = movedTask(task, { ...rest, state: 'done', finished_at: now, updated_at: now, usage: addUsage(task.usage ?? no_usage, runUsage(run)) })
  return decided(
    [
      { op: 'replace_if_version', record: ended },
      { op: 'put_if_absent', record: runEvent(ended, 'finished', now_ms, { outcome: 'ok', why: 'no_input' }, true) },
      { op: 'replace_if_version', record: done },
    ],
    [],
    undefined,
  )
}
