/** Workspaces and the API keys that open them. */
import { decideCreateApiKey, decideRevokeApiKey } from '../domain/decide/api-key.ts'
import { ApiKeyId, WorkspaceId } from '../domain/ids.ts'
import { ok, refuse, type Result } from '../domain/result.ts'
import { timestamp } from '../domain/time.ts'
import type { ApiKey, Role, Workspace } from '../domain/workspace.ts'
import { refs } from '../store/keys.ts'
import { allApiKeys } from '../lists/simple.ts'
import { settle, type FlowDeps } from './flow.ts'

/** A new workspace has no key: an operator makes its first one. */
export const createWorkspace = async (deps: FlowDeps, name: string): Promise<Result<Workspace>> => {
  const id = WorkspaceId.parse(deps.ids.mint('workspace'))
  const workspace: Workspace = { kind: 'workspace', id, name, created_at: timestamp(deps.clock.now()), version: 1 }
  const committed = await deps.store.commit([{ op: 'put_if_absent', record: workspace }])
  return committed.ok ? ok(workspace) : refuse('too_many_conflicts', 'the workspace could not be stored: send it again')
}

export interface CreateKeyRequest {
  readonly workspace_id: WorkspaceId
  readonly name: string
  readonly role: Role
}

/** @param by the role of whoever asks */
export const createApiKey = async (deps: FlowDeps, request: CreateKeyRequest, by: Role): Promise<Result<{ readonly record: ApiKey; readonly key: string }>> => {
  const id = ApiKeyId.parse(deps.ids.mint('api_key'))
  const decision = decideCreateApiKey({ ...request, id, secret: deps.ids.secret() }, by, deps.clock.now())
  if (!decision.ok) return decision
  const committed = await deps.store.commit(decision.writes)
  return committed.ok ? ok(decision.value) : refuse('too_many_conflicts', 'the key could not be stored: send it again')
}

interface KeyName {
  readonly workspace_id: WorkspaceId
  readonly api_key_id: ApiKeyId
}

/** A key by its id. The first key of a deployment, which no request has made, is found in the list alone. */
const findKey = async (deps: FlowDeps, { workspace_id, api_key_id }: KeyName, all: readonly ApiKey[]): Promise<ApiKey | undefined> => {
  const name = await deps.store.get(refs.apiKeyName(workspace_id, api_key_id))
  return name === undefined ? all.find((one) => one.id === api_key_id) : deps.store.get(refs.apiKey(name.key_hash))
}

/** @param by the role of whoever asks */
export const revokeApiKey = async (deps: FlowDeps, request: KeyName, by: Role): Promise<Result<ApiKey>> =>
  settle(deps, async () => {
    const all = await allApiKeys(deps.store, request.workspace_id)
    const key = await findKey(deps, request, all)
    return key === undefined ? refuse('not_found', `no API key ${request.api_key_id}`) : decideRevokeApiKey(key, all, by, deps.clock.now())
  })
