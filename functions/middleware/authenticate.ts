/** Who calls: an API key opens one workspace with one role. */
import { workspace_header } from '../../shared/contract/workspaces.ts'
import { apiKeyHash } from '../../shared/domain/decide/api-key.ts'
import { WorkspaceId, type ApiKeyId } from '../../shared/domain/ids.ts'
import { ok, refuse, type Refusal, type Result } from '../../shared/domain/result.ts'
import { atLeast, type ApiKey, type Role } from '../../shared/domain/workspace.ts'
import { refs } from '../../shared/store/keys.ts'
import type { Store } from '../../shared/store/store.ts'
import type { HttpEvent } from './http.ts'

export interface Caller {
  readonly workspace_id: WorkspaceId
  readonly role: Role
  readonly key_id: ApiKeyId
}

const bearer = /^Bearer (lk_[A-Za-z0-9_-]{20,200})$/i

const unauthenticated = (detail: string): Refusal => refuse('unauthenticated', detail)

const findKey = async (store: Store, authorization: string | undefined): Promise<Result<ApiKey>> => {
  if (authorization === undefined) return unauthenticated('send an API key: Authorization: Bearer lk_…')
  const key = bearer.exec(authorization)?.[1]
  if (key === undefined) return unauthenticated('the Authorization header holds no API key: it must be Bearer lk_…')
  const found = await store.get(refs.apiKey(apiKeyHash(key)))
  if (found === undefined) return unauthenticated('there is no such API key')
  return found.revoked_at === undefined ? ok(found) : unauthenticated('the API key was revoked')
}

/** The workspace that the request is about: the key's own, or the one that an operator names. */
const workspaceOf = async (store: Store, key: ApiKey, wanted: string | undefined): Promise<Result<WorkspaceId>> => {
  if (wanted === undefined || wanted === key.workspace_id) return ok(key.workspace_id)
  if (key.role !== 'operator') return refuse('forbidden', `only an operator's key may name another workspace in ${workspace_header}`)
  const parsed = WorkspaceId.safeParse(wanted)
  if (!parsed.success)
    return refuse('invalid_request', `${workspace_header} holds no workspace id`, [
      { field: workspace_header, message: 'must be a workspace id', value: wanted },
    ])
  const workspace = await store.get(refs.workspace(parsed.data))
  return workspace === undefined
    ? refuse('not_found', `no workspace ${parsed.data}`, [{ field: workspace_header, message: 'no such workspace', value: wanted }])
    : ok(parsed.data)
}

/**
 * Looks the key up by its hash at each request, so that a revoked key stops at once.
 * @param role the least role that may do this
 */
export const authenticate = async (store: Store, { headers }: HttpEvent, role: Role): Promise<Result<Caller>> => {
  const key = await findKey(store, headers['authorization'])
  if (!key.ok) return key
  if (!atLeast(key.value.role, role)) return refuse('forbidden', `this needs the role ${role}; the key has the role ${key.value.role}`)
  const workspace_id = await workspaceOf(store, key.value, headers[workspace_header])
  return workspace_id.ok ? ok({ workspace_id: workspace_id.value, role: key.value.role, key_id: key.value.id }) : workspace_id
}
