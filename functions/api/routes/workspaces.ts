/** Workspaces and API keys. */
import { operations } from '../../../shared/contract/operations.ts'
import { ok } from '../../../shared/domain/result.ts'
import { createApiKey, createWorkspace, revokeApiKey } from '../../../shared/flows/workspaces.ts'
import { listApiKeys, listWorkspaces } from '../../../shared/lists/simple.ts'
import { apiKeyView, workspaceView } from '../../../shared/views/workspace-view.ts'
import type { HttpRoute } from '../../middleware/http-handler.ts'
import { bodyRoute, route } from '../../middleware/route.ts'
import type { ApiDeps } from '../deps.ts'

const create = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.createWorkspace, async ({ body }) => {
    const created = await createWorkspace(deps, body.name)
    return created.ok ? ok({ status: 201, body: workspaceView(created.value) }) : created
  })

const list = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.listWorkspaces, async ({ query }) => {
    const listed = await listWorkspaces(deps.store, query)
    return listed.ok ? ok({ status: 200, body: { ...listed.value, items: listed.value.items.map(workspaceView) } }) : listed
  })

const createKey = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.createApiKey, async ({ body }, { workspace_id, role }) => {
    const created = await createApiKey(deps, { workspace_id, ...body }, role)
    return created.ok ? ok({ status: 201, body: { api_key: apiKeyView(created.value.record), key: created.value.key } }) : created
  })

const listKeys = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.listApiKeys, async ({ query }, { workspace_id }) => {
    const listed = await listApiKeys(deps.store, workspace_id, query)
    return listed.ok ? ok({ status: 200, body: { ...listed.value, items: listed.value.items.map(apiKeyView) } }) : listed
  })

const revokeKey = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.revokeApiKey, async ({ params: { api_key_id } }, { workspace_id, role }) => {
    const revoked = await revokeApiKey(deps, { workspace_id, api_key_id }, role)
    return revoked.ok ? ok({ status: 200, body: apiKeyView(revoked.value) }) : revoked
  })

export const workspaceRoutes = (deps: ApiDeps): readonly HttpRoute[] => [create, list, createKey, listKeys, revokeKey].map((make) => make(deps))
