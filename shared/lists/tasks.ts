/** Lists of tasks, by any combination of filters, newest first. */
import * as z from 'zod'
import type { Command } from '../domain/command.ts'
import { TaskId, type AgentId, type SessionId, type WorkspaceId } from '../domain/ids.ts'
import { ok, type Result } from '../domain/result.ts'
import { task_states, type Task, type TaskState } from '../domain/task.ts'
import { terminal_task_states } from '../domain/transitions.ts'
import { listPartitions, refs } from '../store/keys.ts'
import type { StoredRecord } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { collect, merged, type Source } from './pages.ts'

export interface TaskFilters {
  readonly state?: TaskState | undefined
  readonly agent_id?: AgentId | undefined
  readonly session_id?: SessionId | undefined
  readonly label?: string | undefined
  readonly archived: boolean
}
export interface ListPage {
  readonly limit: number
  readonly cursor?: string | undefined
}
export interface Listed<T> {
  readonly items: readonly T[]
  readonly next_cursor?: string
}

const Position = z.strictObject({ after: TaskId })

export const isTask = (record: StoredRecord): Task | undefined => (record.kind === 'task' ? record : undefined)
const idOf = (record: { readonly id: string }): string => record.id
export const isArchived = (task: Task): boolean => 'archived_at' in task && task.archived_at !== undefined

const archivable_states: readonly TaskState[] = ['waiting', ...terminal_task_states]

/** The index that is likely to hold the fewest tasks that were not asked for. */
const sourceOf = (store: Store, ws: WorkspaceId, { state, agent_id, session_id, label, archived }: TaskFilters): Source<Task> => {
  if (session_id !== undefined) return merged(store, 'by_session', [listPartitions.tasksBySession(ws, session_id, archived)], isTask, idOf)
  if (label !== undefined) return merged(store, 'by_label', [listPartitions.tasksByLabel(ws, label, archived)], isTask, idOf)
  if (agent_id !== undefined && (state === undefined || archivable_states.includes(state)))
    return merged(store, 'by_agent', [listPartitions.tasksByAgent(ws, agent_id, archived)], isTask, idOf)
  const states = archived ? archivable_states : task_states
  const wanted = state === undefined ? states : states.filter((one) => one === state)
  return merged(
    store,
    'by_state',
    wanted.map((one) => listPartitions.tasksByState(ws, one, archived)),
    isTask,
    idOf,
  )
}

/** An index may lag behind its record, so what it brings is held against the filters once more. */
const matches =
  ({ state, agent_id, session_id, label, archived }: TaskFilters) =>
  (task: Task): boolean =>
    (state === undefined || task.state === state) &&
    (agent_id === undefined || task.agent_id === agent_id) &&
    (session_id === undefined || task.session_id === session_id) &&
    (label === undefined || task.label === label) &&
    isArchived(task) === archived

/** The command of each task, in order. */
export const commandsOf = async (store: Store, tasks: readonly Task[]): Promise<readonly Command[]> => {
  const commands = await store.getMany(tasks.map((task) => refs.command(task.workspace_id, task.command_key)))
  return commands.map((command, position) => {
    if (command === undefined) throw new Error(`the command of ${tasks[position]?.id} is missing`)
    return command
  })
}

/** Tasks with their commands. */
export const listTasks = async (
  store: Store,
  workspace_id: WorkspaceId,
  filters: TaskFilters,
  { limit, cursor }: ListPage,
): Promise<Result<Listed<{ readonly task: Task; readonly command: Command }>>> => {
  const position = cursor === undefined ? ok(undefined) : decodeCursor('tasks', Position, cursor)
  if (!position.ok) return position
  const page = await collect(sourceOf(store, workspace_id, filters), { limit, after: position.value?.after, keep: matches(filters), keyOf: idOf })
  const commands = await commandsOf(store, page.records)
  const items = page.records.flatMap((task, at) => {
    const command = commands[at]
    return command === undefined ? [] : [{ task, command }]
  })
  return ok({ items, ...(page.after === undefined ? {} : { next_cursor: encodeCursor('tasks', { after: page.after }) }) })
}
