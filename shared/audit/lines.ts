/** A task with its places: a queued task stands in one line, and nobody else in any. */
import { foundIf, type Finding } from './finding.ts'
import type { Place } from '../domain/instance.ts'
import type { Session } from '../domain/session.ts'
import type { Task } from '../domain/task.ts'

/** @param places all that the task has, in its class's line and in its session's */
export const lineFindings = (task: Task, places: readonly Place[]): readonly Finding[] => {
  if (task.state === 'queued')
    return foundIf(places.length !== 1, 'task_without_place', task, () => `${task.id} is queued and has ${places.length} places in line`)
  return places.flatMap((place) => foundIf(true, 'place_without_task', place, () => `${task.id} is ${task.state} and stands in the ${place.line}'s line`))
}

/** @param task the task that the place names @param session the one that the place names */
export const placeFindings = (place: Place, task: Task | undefined, session: Session | undefined): readonly Finding[] => [
  ...foundIf(task?.state !== 'queued', 'place_without_task', place, () => `${place.task_id} stands in line and is ${task?.state ?? 'absent'}`),
  ...foundIf(
    place.line === 'session' && session?.waiting !== true,
    'wait_unmarked',
    place,
    () => `${place.task_id} waits for ${place.session_id}, which does not say so`,
  ),
]
