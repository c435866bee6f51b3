/** The ceiling of a workspace. */
import type { WorkspaceCeilingView } from '../../../shared/contract/workspaces.ts'
import { operations } from '../../../shared/contract/operations.ts'
import type { WorkspaceId } from '../../../shared/domain/ids.ts'
import { ok, refuse } from '../../../shared/domain/result.ts'
import { setCeiling } from '../../../shared/flows/ceilings.ts'
import { refs } from '../../../shared/store/keys.ts'
import type { HttpRoute } from '../../middleware/http-handler.ts'
import { bodyRoute } from '../../middleware/route.ts'
import type { ApiDeps } from '../deps.ts'

const shown = async (deps: ApiDeps, workspace_id: WorkspaceId): Promise<WorkspaceCeilingView> => {
  const [gate, ceiling] = await Promise.all([deps.store.get(refs.gate(workspace_id)), deps.store.get(refs.ceiling(workspace_id))])
  if (gate?.max_live_attempts === undefined || ceiling === undefined) return { workspace_id, counting: false }
  return { workspace_id, max_live_attempts: gate.max_live_attempts, live_attempts: ceiling.live, counting: ceiling.counting_since !== undefined }
}

export const updateWorkspace = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.updateWorkspace, async ({ params: { workspace_id }, body: { max_live_attempts } }, { key_id }) => {
    if ((await deps.store.get(refs.workspace(workspace_id))) === undefined) return refuse('not_found', `no workspace ${workspace_id}`)
    if (max_live_attempts !== undefined) {
      const set = await setCeiling(deps, { workspace_id, max_live_attempts })
      if (!set.ok) return set
      deps.log.info('ceiling_set', { workspace_id, key_id, max_live_attempts: max_live_attempts ?? 'taken back' })
    }
    return ok({ status: 200, body: await shown(deps, workspace_id) })
  })
