/** Archiving tasks: out of the lists, not out of the table. */
import { decideArchive } from '../domain/decide/cancel.ts'
import { refuse, type Result } from '../domain/result.ts'
import { refs } from '../store/keys.ts'
import { settle, type FlowDeps } from './flow.ts'
import type { TaskId, WorkspaceId } from '../domain/ids.ts'
import type { Task } from '../domain/task.ts'

/** Archives a task that is over or waits for input. */
export const archiveTask = async (deps: FlowDeps, request: { readonly workspace_id: WorkspaceId; readonly task_id: TaskId }): Promise<Result<Task>> =>
  settle(deps, async () => {
    const task = await deps.store.get(refs.task(request.workspace_id, request.task_id))
    return task === undefined ? refuse('not_found', `no task ${request.task_id}`) : decideArchive(task, deps.clock.now())
  })
