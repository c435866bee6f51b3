/** The kill switch of a workspace, and its opposite. */
import { operations } from '../../../shared/contract/operations.ts'
import type { WorkspaceId } from '../../../shared/domain/ids.ts'
import { ok, refuse, type Refusal } from '../../../shared/domain/result.ts'
import { killWorkspace, resumeWorkspace } from '../../../shared/flows/kill.ts'
import { listKilled } from '../../../shared/lists/kill.ts'
import { refs } from '../../../shared/store/keys.ts'
import type { Caller } from '../../middleware/authenticate.ts'
import type { HttpRoute } from '../../middleware/http-handler.ts'
import { bodyRoute } from '../../middleware/route.ts'
import type { ApiDeps } from '../deps.ts'

/** An admin has its own workspace, an operator every one that there is. */
const refuseForeign = async (deps: ApiDeps, caller: Caller, workspace_id: WorkspaceId): Promise<Refusal | undefined> => {
  if (workspace_id === caller.workspace_id) return undefined
  const known = caller.role === 'operator' && (await deps.store.get(refs.workspace(workspace_id))) !== undefined
  return known ? undefined : refuse('not_found', `no workspace ${workspace_id}`)
}

/** A repeat goes on with one kill, and does not kill a workspace that somebody has resumed meanwhile. */
const refuseResumed = async (deps: ApiDeps, workspace_id: WorkspaceId, killed_at: string | undefined): Promise<Refusal | undefined> => {
  if (killed_at === undefined) return undefined
  const gate = await deps.store.get(refs.gate(workspace_id))
  if (gate?.kill?.killed_at === killed_at) return undefined
  return refuse('illegal_state', `the workspace is not under the kill of ${killed_at} any more`, [
    { field: 'killed_at', message: 'is not the time of the kill in force', value: killed_at },
  ])
}

const kill = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.killWorkspace, async ({ params: { workspace_id }, query, body }, caller) => {
    const refusal = (await refuseForeign(deps, caller, workspace_id)) ?? (await refuseResumed(deps, workspace_id, body.killed_at))
    if (refusal !== undefined) return refusal
    const killed = await killWorkspace(deps, { workspace_id, hold: body.hold })
    if (!killed.ok) return killed
    const { killed_at, hold, completed_at } = killed.value
    deps.log.warn('workspace_killed', { workspace_id, key_id: caller.key_id, killed_at, hold, complete: completed_at !== undefined })
    const listed = await listKilled(deps.store, workspace_id, killed.value, query)
    if (!listed.ok) return listed
    const { items, next_cursor } = listed.value
    const times = { killed_at, hold, complete: completed_at !== undefined, ...(completed_at === undefined ? {} : { completed_at }) }
    return ok({ status: 200, body: { workspace_id, ...times, attempts: [...items], ...(next_cursor === undefined ? {} : { next_cursor }) } })
  })

const resume = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.resumeWorkspace, async ({ params: { workspace_id } }, caller) => {
    const refusal = await refuseForeign(deps, caller, workspace_id)
    if (refusal !== undefined) return refusal
    const resumed = await resumeWorkspace(deps, workspace_id)
    if (!resumed.ok) return resumed
    deps.log.warn('workspace_resumed', { workspace_id, key_id: caller.key_id })
    return ok({ status: 200, body: { workspace_id } })
  })

export const killRoutes = (deps: ApiDeps): readonly HttpRoute[] => [kill, resume].map((make) => make(deps))
