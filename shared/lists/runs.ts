/** Lists of runs, by any combination of filters: of a task, a session or an agent through its tasks, else by status. */
import * as z from 'zod'
import type { Command } from '../domain/command.ts'
import { RunId, TaskId, type AgentId, type SessionId, type WorkspaceId } from '../domain/ids.ts'
import { ok, type Result } from '../domain/result.ts'
import type { Run, RunStatus } from '../domain/run.ts'
import type { Task } from '../domain/task.ts'
import { listPartitions, refs, runListStatus } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { bytesOf, collect, examined_max, merged, page_bytes_max, type Page, type Source } from './pages.ts'
import { commandsOf, isTask, type Listed, type ListPage } from './tasks.ts'

export interface RunFilters {
  readonly status?: RunStatus | undefined
  readonly agent_id?: AgentId | undefined
  readonly session_id?: SessionId | undefined
  readonly task_id?: TaskId | undefined
}

/** By status: the last run seen. Through tasks: the last task that is done with, and the run of the next one to go on at. */
const Position = z.union([z.strictObject({ after: RunId }), z.strictObject({ task: TaskId.optional(), run: RunId.optional() })])
type Position = z.infer<typeof Position>

const matches =
  ({ status, agent_id, session_id, task_id }: RunFilters) =>
  (run: Run): boolean =>
    (status === undefined || run.status === status) &&
    (agent_id === undefined || run.agent_id === agent_id) &&
    (session_id === undefined || run.session_id === session_id) &&
    (task_id === undefined || run.task_id === task_id)

const statuses = ['live', 'ok', 'error', 'timeout', 'cancelled'] as const
const idOf = (record: { readonly id: string }): string => record.id

const byStatus = (store: Store, ws: WorkspaceId, status: RunStatus | undefined): Source<Run> =>
  merged(
    store,
    'by_state',
    (status === undefined ? statuses : [runListStatus(status)]).map((one) => listPartitions.runsByStatus(ws, one)),
    (record) => (record.kind === 'run' ? record : undefined),
    idOf,
  )

/** The tasks, newest first, whose runs are asked for. */
const tasksOf = (store: Store, ws: WorkspaceId, { agent_id, session_id, task_id }: RunFilters): Source<Task> | undefined => {
  if (task_id !== undefined)
    return async (after) => {
      const task = after === undefined ? await store.get(refs.task(ws, task_id)) : undefined
      return { records: task === undefined ? [] : [task] }
    }
  if (session_id !== undefined)
    return merged(
      store,
      'by_session',
      [false, true].map((archived) => listPartitions.tasksBySession(ws, session_id, archived)),
      isTask,
      idOf,
    )
  if (agent_id !== undefined)
    return merged(
      store,
      'by_agent',
      [false, true].map((archived) => listPartitions.tasksByAgent(ws, agent_id, archived)),
      isTask,
      idOf,
    )
  return undefined
}

interface Walk {
  readonly runs: readonly Run[]
  readonly next?: Position
}

/** Gives a run and those before it, newest first, to `take` until that has enough. @returns the run to go on at, if it had */
const walkBack = async (store: Store, first: Run | undefined, take: (run: Run) => boolean): Promise<RunId | undefined> => {
  for (let run = first; run !== undefined;) {
    const { previous_run_id, workspace_id } = run
    if (!take(run)) return previous_run_id
    run = previous_run_id === undefined ? undefined : await store.get(refs.run(workspace_id, previous_run_id))
  }
  return undefined
}

const latestRuns = async (store: Store, tasks: readonly Task[]): Promise<ReadonlyMap<RunId, Run>> => {
  const run_refs = tasks.flatMap((task) => (task.target_run_id === undefined ? [] : [refs.run(task.workspace_id, task.target_run_id)]))
  const runs = await store.getMany(run_refs)
  return new Map(runs.flatMap((run) => (run === undefined ? [] : [[run.id, run]])))
}

interface Through {
  readonly tasks: Source<Task>
  readonly start: Extract<Position, { task?: unknown }>
  readonly limit: number
  readonly keep: (run: Run) => boolean
}
const positionAt = (task: TaskId | undefined, run: RunId | undefined): Position => ({
  ...(task === undefined ? {} : { task }),
  ...(run === undefined ? {} : { run }),
})

const throughTasks = async (store: Store, ws: WorkspaceId, { tasks, start, limit, keep }: Through): Promise<Walk> => {
  const runs: Run[] = []
  let examined = 0
  let bytes = 0
  const enough = () => runs.length >= limit || examined >= examined_max || bytes >= page_bytes_max
  const take = (run: Run): boolean => {
    examined += 1
    if (!keep(run)) return !enough()
    runs.push(run)
    bytes += bytesOf(run)
    return !enough()
  }
  if (start.run !== undefined) {
    const rest = await walkBack(store, await store.get(refs.run(ws, start.run)), take)
    if (enough()) return { runs, next: positionAt(start.task, rest) }
  }
  for (let after: string | undefined = start.task; ;) {
    const page: Page<Task> = await tasks(after, limit)
    const latest = await latestRuns(store, page.records)
    for (const [position, task] of page.records.entries()) {
      examined += 1
      const rest = await walkBack(store, task.target_run_id === undefined ? undefined : latest.get(task.target_run_id), take)
      if (!enough()) continue
      const last = rest === undefined && position === page.records.length - 1 && page.after === undefined
      return last ? { runs } : { runs, next: positionAt(task.id, rest) }
    }
    if (page.after === undefined) return { runs }
    after = page.after
  }
}

const withCommands = async (store: Store, ws: WorkspaceId, runs: readonly Run[]): Promise<readonly { readonly run: Run; readonly command: Command }[]> => {
  const found = await store.getMany(runs.map((run) => refs.task(ws, run.task_id)))
  const tasks = found.map((task, at) => {
    if (task === undefined) throw new Error(`the task of ${runs[at]?.id} is missing`)
    return task
  })
  const commands = await commandsOf(store, tasks)
  return runs.flatMap((run, at) => {
    const command = commands[at]
    return command === undefined ? [] : [{ run, command }]
  })
}

/** Runs with the commands that they execute. Newest first; through tasks: by the newest task, then its newest run. */
export const listRuns = async (
  store: Store,
  ws: WorkspaceId,
  filters: RunFilters,
  { limit, cursor }: ListPage,
): Promise<Result<Listed<{ readonly run: Run; readonly command: Command }>>> => {
  const position = cursor === undefined ? ok<Position>({}) : decodeCursor('runs', Position, cursor)
  if (!position.ok) return position
  const keep = matches(filters)
  const tasks = tasksOf(store, ws, filters)
  if (tasks !== undefined) {
    const start = 'after' in position.value ? {} : position.value
    const { runs, next } = await throughTasks(store, ws, { tasks, start, limit, keep })
    return ok({ items: await withCommands(store, ws, runs), ...(next === undefined ? {} : { next_cursor: encodeCursor('runs', next) }) })
  }
  const after = 'after' in position.value ? position.value.after : undefined
  const page = await collect(byStatus(store, ws, filters.status), { limit, after, keep, keyOf: idOf })
  return ok({
    items: await withCommands(store, ws, page.records),
    ...(page.after === undefined ? {} : { next_cursor: encodeCursor('runs', { after: page.after }) }),
  })
}
