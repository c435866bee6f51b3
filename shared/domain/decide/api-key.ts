/** API keys: who may make and revoke which, and that a workspace does not lock itself out. */
import { createHash } from 'node:crypto'
import { decided, type Decision } from '../decision.ts'
import type { ApiKeyId, WorkspaceId } from '../ids.ts'
import { refuse, type Refusal } from '../result.ts'
import { timestamp } from '../time.ts'
import { atLeast, roles, type ApiKey, type ApiKeyName, type Role } from '../workspace.ts'

/** A key is this and 32 random bytes in base64url. */
const key_prefix = 'lk_'
const hint_length = 9

/** How a key is stored and found. */
export const apiKeyHash = (key: string): string => createHash('sha256').update(key).digest('hex')

export interface NewApiKey {
  readonly id: ApiKeyId
  readonly workspace_id: WorkspaceId
  readonly name: string
  readonly role: Role
  /** 32 random bytes, base64url. */
  readonly secret: string
}

/** Makes a key. The value holds it in full: it is shown once and stored nowhere. */
export const decideCreateApiKey = (wanted: NewApiKey, by: Role, now_ms: number): Decision<{ readonly record: ApiKey; readonly key: string }> | Refusal => {
  const { id, workspace_id, name, role } = wanted
  if (!atLeast(by, role)) {
    const allowed = roles.filter((one) => atLeast(by, one))
    return refuse('forbidden', `a key with the role ${by} makes no key with the role ${role}`, [
      { field: 'role', message: 'is above your own', value: role, allowed },
    ])
  }
  const key = `${key_prefix}${wanted.secret}`
  const record: ApiKey = {
    kind: 'api_key',
    id,
    workspace_id,
    key_hash: apiKeyHash(key),
    hint: key.slice(0, hint_length),
    name,
    role,
    created_at: timestamp(now_ms),
    version: 1,
  }
  const found_by: ApiKeyName = { kind: 'api_key_name', workspace_id, id, key_hash: record.key_hash, version: 1 }
  return decided(
    [
      { op: 'put_if_absent', record },
      { op: 'put_if_absent', record: found_by },
    ],
    [],
    { record, key },
  )
}

const keeper_roles = ['admin', 'operator'] as const

/**
 * Revokes a key, for good. The last key that can make others, and the last operator's, stay: make another first. One that
 * remains is written with the revocation, so that two revocations at once cannot each count on the other's key.
 */
export const decideRevokeApiKey = (key: ApiKey, all: readonly ApiKey[], by: Role, now_ms: number): Decision<ApiKey> | Refusal => {
  if (key.revoked_at !== undefined) return decided([], [], key)
  if (!atLeast(by, key.role)) return refuse('forbidden', `a key with the role ${by} revokes no key with the role ${key.role}`)
  const revoked: ApiKey = { ...key, revoked_at: timestamp(now_ms) }
  const needed = key.role === 'operator' ? 'operator' : keeper_roles.find((role) => role === key.role)
  if (needed === undefined) return decided([{ op: 'replace_if_version', record: revoked }], [], revoked)
  const keeper = all.find((other) => other.id !== key.id && other.revoked_at === undefined && atLeast(other.role, needed))
  if (keeper === undefined)
    return refuse('last_key', `${key.id} is the last key of this workspace with the role ${needed}: make another one first`, [
      { field: 'api_key_id', message: `is the last ${needed} key` },
    ])
  return decided(
    [
      { op: 'replace_if_version', record: revoked },
      { op: 'replace_if_version', record: keeper },
    ],
    [],
    revoked,
  )
}
