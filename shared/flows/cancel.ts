/** Cancelling tasks and runs. */
import { decideCancel, type Cancelled, type LiveWork } from '../domain/decide/cancel.ts'
import { refuse, type Result } from '../domain/result.ts'
import { decided } from '../domain/decision.ts'
import { isEndedRun } from '../domain/transitions.ts'
import { refs } from '../store/keys.ts'
import { settle, type FlowDeps } from './flow.ts'
import { fitTogether, loadAttached, loadPlace, loadTargetRun } from './load.ts'
import type { RunId, TaskId, WorkspaceId } from '../domain/ids.ts'
import type { Run } from '../domain/run.ts'

/** Cancels a task in whatever state it is; one that is over stays as it is. `live`: the attempt that was told to stop. */
export const cancelTask = async (deps: FlowDeps, request: { readonly workspace_id: WorkspaceId; readonly task_id: TaskId }): Promise<Result<Cancelled>> =>
  settle(deps, async () => {
    const task = await deps.store.get(refs.task(request.workspace_id, request.task_id))
    if (task === undefined) return refuse('not_found', `no task ${request.task_id}`)
    const [run, place] = await Promise.all([loadTargetRun(deps, task), loadPlace(deps, task)])
    const attached = await loadAttached(deps, run)
    if (attached === undefined) return undefined
    return fitTogether(task, run) ? decideCancel({ task, run, place, ...attached }, deps.clock.now()) : undefined
  })

/** Cancels a run, and with it the task that it executes. A run that is over stays as it is. */
export const cancelRun = async (
  deps: FlowDeps,
  request: { readonly workspace_id: WorkspaceId; readonly run_id: RunId },
): Promise<Result<{ readonly run: Run; readonly live?: LiveWork }>> => {
  const cancelled = await settle<{ readonly run: Run; readonly live?: LiveWork }>(deps, async () => {
    const run = await deps.store.get(refs.run(request.workspace_id, request.run_id))
    if (run === undefined) return refuse('not_found', `no run ${request.run_id}`)
    if (isEndedRun(run)) return decided([], [], { run })
    const task = await deps.store.get(refs.task(run.workspace_id, run.task_id))
    if (task === undefined) throw new Error(`${run.task_id} is missing`)
    if (!fitTogether(task, run)) return undefined
    const attached = await loadAttached(deps, run)
    if (attached === undefined) return undefined
    const decision = decideCancel({ task, run, place: await loadPlace(deps, task), ...attached }, deps.clock.now())
    const { live } = decision.value
    return { ...decision, value: { run: decision.value.run ?? run, ...(live === undefined ? {} : { live }) } }
  })
  if (!cancelled.ok) return cancelled
  const run = await deps.store.get(refs.run(request.workspace_id, request.run_id))
  return run === undefined ? cancelled : { ok: true, value: { ...cancelled.value, run } }
}
