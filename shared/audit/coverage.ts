/** Whatever is not finished has a time by which something looks at it, or an attempt whose end will. */
import { isTerminalTask } from '../domain/transitions.ts'
import { millis } from '../domain/time.ts'
import { foundIf, type Finding } from './finding.ts'
import type { Gate } from '../domain/gate.ts'
import type { Instance, Place } from '../domain/instance.ts'
import type { Schedule } from '../domain/schedule.ts'
import type { Run } from '../domain/run.ts'
import type { Session } from '../domain/session.ts'
import type { SharedFile } from '../domain/shared-file.ts'
import type { Task } from '../domain/task.ts'

/** When it is, and how far off a due time may lie. */
export interface Watch {
  readonly now_ms: number
  /** What has a due time of its own is looked at this soon, whatever becomes of runners and doorbells. */
  readonly watched_within_ms: number
}
/** A task and what may see to it. */
export interface Covered {
  readonly task: Task
  readonly places: readonly Place[]
  readonly instance: Instance | undefined
  readonly session: Session | undefined
  /** Its latest run. */
  readonly run?: Run | undefined
  /** A workspace that was killed is looked at as a whole, and wakes its classes when it is resumed. */
  readonly gate?: Gate | undefined
}

const isSoon = (due_at: string | undefined, { now_ms, watched_within_ms }: Watch): boolean =>
  due_at !== undefined && millis(due_at) <= now_ms + watched_within_ms

const coveredInLine = ({ places: [place], instance, session, gate }: Covered): boolean => {
  if (place?.line === 'session')
    return session?.waiting === true && (session.owner !== undefined || session.due_at !== undefined || session.parked_run_id !== undefined)
  if (gate?.kill !== undefined || gate?.waking === true) return true
  // Whoever lifts an operator's limit of 0 sets the due time in the same commit.
  if (instance?.desired_limit === 0) return true
  return instance !== undefined && (instance.due_at !== undefined || instance.live > 0 || instance.turn_owner !== undefined)
}

const queuedFindings = (covered: Covered, watch: Watch): readonly Finding[] => {
  const { task } = covered
  const { due_at, queue_timeout_at } = task
  return [
    ...foundIf(
      queue_timeout_at !== undefined && (due_at === undefined || due_at > queue_timeout_at),
      'queue_timeout_unseen',
      task,
      () => `${task.id} is dropped at ${queue_timeout_at}, but looked at ${due_at ?? 'never'}`,
    ),
    ...foundIf(!isSoon(due_at, watch) && !coveredInLine(covered), 'task_forgotten', task, () => `${task.id} is in line, and nothing will look at it`),
  ]
}

export const coverageFindings = (covered: Covered, watch: Watch): readonly Finding[] => {
  const { task } = covered
  if (isTerminalTask(task)) return foundIf(task.due_at !== undefined, 'task_over_and_due', task, () => `${task.id} is ${task.state} and due ${task.due_at}`)
  switch (task.state) {
    case 'sleeping':
      return foundIf(task.due_at !== task.wake_at, 'task_forgotten', task, () => `${task.id} sleeps until ${task.wake_at} and is due ${task.due_at ?? 'never'}`)
    case 'running':
    case 'waiting':
      return foundIf(
        // A parked run waits for a human for as long as it may.
        covered.run?.parked === undefined ? !isSoon(task.due_at, watch) : task.due_at === undefined,
        'task_forgotten',
        task,
        () => `${task.id} ${task.state === 'running' ? 'runs' : 'waits'} unwatched: due ${task.due_at ?? 'never'}`,
      )
    case 'queued':
      return queuedFindings(covered, watch)
  }
}

/** Far longer than a sweep takes to come by. */
export const overdue_ms = 10 * 60_000

/** A due time that is long past: the sweep does not run, or fails at this record. */
export const overdueFindings = (record: Task | Instance | Session | SharedFile | Schedule, { now_ms }: Watch): readonly Finding[] => {
  const { due_at } = record
  return foundIf(due_at !== undefined && millis(due_at) < now_ms - overdue_ms, 'overdue', record, () => `was due ${due_at}, and nobody has looked`)
}
