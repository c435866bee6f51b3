/** Retrying a task that is over. */
import { decideRetry } from '../domain/decide/cancel.ts'
import { refuseAgent } from '../domain/decide/accept.ts'
import { refuse, type Result } from '../domain/result.ts'
import { refs } from '../store/keys.ts'
import { settle, type FlowDeps } from './flow.ts'
import { refuseKilled } from './kill.ts'
import { loadCommand } from './load.ts'
import type { TaskId, WorkspaceId } from '../domain/ids.ts'
import type { Task } from '../domain/task.ts'

/** Puts a task in line again; it gets a new run and goes on in its session. */
export const retryTask = async (deps: FlowDeps, request: { readonly workspace_id: WorkspaceId; readonly task_id: TaskId }): Promise<Result<Task>> =>
  settle(deps, async () => {
    const task = await deps.store.get(refs.task(request.workspace_id, request.task_id))
    if (task === undefined) return refuse('not_found', `no task ${request.task_id}`)
    const agent = await deps.store.get(refs.agent(task.workspace_id, task.agent_id))
    const refusal = agent === undefined ? refuse('not_found', `no agent ${task.agent_id}`) : refuseAgent(agent, deps.deployment)
    return refusal ?? (await refuseKilled(deps, task.workspace_id)) ?? decideRetry(task, await loadCommand(deps, task), deps.clock.now())
  })
