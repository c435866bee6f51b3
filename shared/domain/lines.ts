/** Lines: who stands where. A place keeps its rank and its task's id wherever it is moved, so it never loses its turn. */
import { rankOf } from '../store/keys.ts'
import type { Command } from './command.ts'
import type { Place } from './instance.ts'
import type { Task } from './task.ts'

/**
 * The place of a task in its class's line. Its version is that of the task which is put in line: whoever saw the place of an
 * earlier time in line cannot delete this one.
 */
export const placeInLine = (task: Task, lane: Command['params']['lane']): Place => ({
  kind: 'place',
  line: 'class',
  workspace_id: task.workspace_id,
  class_key: task.class_key,
  session_id: task.session_id,
  agent_id: task.agent_id,
  ...(lane === undefined ? {} : { lane }),
  rank: rankOf(task.priority),
  task_id: task.id,
  version: task.version,
})

/** Whether the first place is served before the second: by priority, then by acceptance. */
export const standsBefore = (first: Place, second: Place): boolean => (first.rank === second.rank ? first.task_id < second.task_id : first.rank < second.rank)
