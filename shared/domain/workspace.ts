/** A workspace is the tenant. An API key opens one workspace with one role. */
import * as z from 'zod'
import { ApiKeyId, WorkspaceId } from './ids.ts'
import { Timestamp } from './time.ts'

/** Each role may do all that the ones before it may. */
export const roles = ['viewer', 'member', 'admin', 'operator'] as const
export const Role = z.enum(roles)
export type Role = z.infer<typeof Role>

export const atLeast = (role: Role, wanted: Role): boolean => roles.indexOf(role) >= roles.indexOf(wanted)

export const Workspace = z.strictObject({
  kind: z.literal('workspace'),
  id: WorkspaceId,
  name: z.string().min(1).max(200),
  created_at: Timestamp,
  version: z.int(),
})
export type Workspace = z.infer<typeof Workspace>

export const ApiKey = z.strictObject({
  kind: z.literal('api_key'),
  id: ApiKeyId,
  workspace_id: WorkspaceId,
  /** SHA-256 of the whole key, in hex. The key itself is shown once and stored nowhere. */
  key_hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** The first characters, to tell keys apart. */
  hint: z.string().max(20),
  name: z.string().min(1).max(200),
  role: Role,
  revoked_at: Timestamp.optional(),
  created_at: Timestamp,
  version: z.int(),
})
export type ApiKey = z.infer<typeof ApiKey>

/** Finds a key by its id, from the moment it is made: the list of keys is an index, and may not know a new one yet. */
export const ApiKeyName = z.strictObject({
  kind: z.literal('api_key_name'),
  workspace_id: WorkspaceId,
  id: ApiKeyId,
  key_hash: ApiKey.shape.key_hash,
  version: z.int(),
})
export type ApiKeyName = z.infer<typeof ApiKeyName>
