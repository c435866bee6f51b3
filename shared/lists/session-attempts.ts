/**
 * The attempts of a session in the order in which they held it. At most one attempt holds a session, and each grant has a
 * greater fencing token, so the tokens are that order.
 */
import type { RunId, SessionId, WorkspaceId } from '../domain/ids.ts'
import type { Attempt, Run } from '../domain/run.ts'
import { listPartitions, recordPartition, refs } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { merged } from './pages.ts'
import { isTask } from './tasks.ts'

export interface SessionAttempt {
  readonly run: Run
  readonly attempt: Attempt
}

/** A session's history reaches back this many tasks. */
export const session_tasks_max = 500
/** And this many restarts of each. */
const restarts_max = 50

const runsOf = async (store: Store, ws: WorkspaceId, session_id: SessionId): Promise<readonly Run[]> => {
  const partitions = [false, true].map((archived) => listPartitions.tasksBySession(ws, session_id, archived))
  const { records: tasks } = await merged(store, 'by_session', partitions, isTask, (task) => task.id)(undefined, session_tasks_max)
  const runs: Run[] = []
  let wanted: readonly (RunId | undefined)[] = tasks.map((task) => task.target_run_id)
  for (let depth = 0; depth < restarts_max && wanted.some((id) => id !== undefined); depth += 1) {
    const found = await store.getMany(wanted.flatMap((id) => (id === undefined ? [] : [refs.run(ws, id)])))
    const present = found.flatMap((run) => (run === undefined ? [] : [run]))
    runs.push(...present)
    wanted = present.map((run) => run.previous_run_id)
  }
  return runs
}

/** The attempts of a run, first to latest: those that a later one replaced have records, the latest is in the run. */
export const attemptsOf = async (store: Store, run: Run): Promise<readonly Attempt[]> => {
  if (run.attempt.attempt_no === 1) return [run.attempt]
  const bounds = { from: refs.attempt(run.workspace_id, run.id, 1).sk, to: refs.attempt(run.workspace_id, run.id, run.attempt.attempt_no - 1).sk }
  const page = await store.range({ index: 'table', pk: recordPartition(run.workspace_id, run.id), ...bounds, limit: 1_000 })
  return [...page.records.flatMap((record) => (record.kind === 'attempt' ? [record.attempt] : [])), run.attempt]
}

/** The attempts of a session behind a fencing token, in order. */
export const sessionAttempts = async (store: Store, ws: WorkspaceId, session_id: SessionId, after_token: number): Promise<readonly SessionAttempt[]> => {
  const runs = await runsOf(store, ws, session_id)
  const attempts = await Promise.all(
    // The latest attempt of a run has its greatest token.
    runs.filter((run) => run.attempt.fencing_token > after_token).map(async (run) => (await attemptsOf(store, run)).map((attempt) => ({ run, attempt }))),
  )
  return attempts
    .flat()
    .filter(({ attempt }) => attempt.fencing_token > after_token)
    .toSorted((a, b) => a.attempt.fencing_token - b.attempt.fencing_token)
}
