/** Workspaces, the tenants, and the API keys that open them. */
import * as z from 'zod'
import { ApiKeyId, WorkspaceId } from '../domain/ids.ts'
import { Timestamp } from '../domain/time.ts'
import { Role } from '../domain/workspace.ts'
import { listOf, named, Nothing, page_query } from './common.ts'
import { operation } from './operation.ts'

/** An operator's request may name another workspace than its key's here; all else of the request is then about that one. */
export const workspace_header = 'x-lanekeeper-workspace'

export const WorkspaceView = named('Workspace', z.object({ id: WorkspaceId, name: z.string(), created_at: Timestamp }))
export type WorkspaceView = z.infer<typeof WorkspaceView>

/** How many attempts of a workspace may be live at once, whatever its classes allow; null: as many as they allow. */
export const UpdateWorkspace = z.strictObject({ max_live_attempts: z.int().min(0).max(100_000).nullable().optional() })

export const WorkspaceCeilingView = named(
  'WorkspaceCeiling',
  z.object({
    workspace_id: WorkspaceId,
    /** Absent where none is set; then `live_attempts` is not counted either. */
    max_live_attempts: z.int().optional(),
    live_attempts: z.int().optional(),
    /** What was live when the ceiling was set is still being counted; nothing is admitted until then. */
    counting: z.boolean(),
  }),
)
export type WorkspaceCeilingView = z.infer<typeof WorkspaceCeilingView>

export const ApiKeyView = named(
  'ApiKey',
  z.object({
    id: ApiKeyId,
    workspace_id: WorkspaceId,
    name: z.string(),
    role: Role,
    /** The key's first characters, to tell keys apart. */
    hint: z.string(),
    created_at: Timestamp,
    revoked_at: Timestamp.optional(),
  }),
)
export type ApiKeyView = z.infer<typeof ApiKeyView>

/** `key` is the secret itself. It is shown here and never again. */
export const CreatedApiKey = named('CreatedApiKey', z.object({ api_key: ApiKeyView, key: z.string() }))

const name = z.string().trim().min(1).max(200)

export const CreateWorkspace = z.strictObject({ name })
/** A key opens the workspace of the request; its role is at most the caller's own. */
export const CreateApiKey = z.strictObject({ name, role: Role })

export const workspace_operations = {
  createWorkspace: operation({
    id: 'createWorkspace',
    method: 'POST',
    path: '/v1/workspaces',
    tag: 'workspaces and keys',
    summary: 'Create a workspace',
    role: 'operator',
    body: CreateWorkspace,
    params: Nothing,
    query: Nothing,
    responses: { 201: WorkspaceView },
    problems: [],
  }),
  listWorkspaces: operation({
    id: 'listWorkspaces',
    method: 'GET',
    path: '/v1/workspaces',
    tag: 'workspaces and keys',
    summary: 'List workspaces, newest first',
    role: 'operator',
    query: z.strictObject({ ...page_query }),
    params: Nothing,
    responses: { 200: listOf('WorkspaceList', WorkspaceView) },
    problems: [],
  }),
  updateWorkspace: operation({
    id: 'updateWorkspace',
    method: 'PATCH',
    path: '/v1/workspaces/{workspace_id}',
    tag: 'workspaces and keys',
    summary: 'Set or take back the ceiling of a workspace; an empty body shows it',
    role: 'operator',
    params: z.strictObject({ workspace_id: WorkspaceId }),
    query: Nothing,
    body: UpdateWorkspace,
    responses: { 200: WorkspaceCeilingView },
    problems: ['not_found', 'too_many_conflicts'],
  }),
  createApiKey: operation({
    id: 'createApiKey',
    method: 'POST',
    path: '/v1/api-keys',
    tag: 'workspaces and keys',
    summary: 'Create an API key; the answer is the only place that shows it',
    role: 'admin',
    body: CreateApiKey,
    params: Nothing,
    query: Nothing,
    responses: { 201: CreatedApiKey },
    problems: [],
  }),
  listApiKeys: operation({
    id: 'listApiKeys',
    method: 'GET',
    path: '/v1/api-keys',
    tag: 'workspaces and keys',
    summary: 'List the API keys of the workspace, newest first, revoked ones too',
    role: 'admin',
    query: z.strictObject({ ...page_query }),
    params: Nothing,
    responses: { 200: listOf('ApiKeyList', ApiKeyView) },
    problems: [],
  }),
  revokeApiKey: operation({
    id: 'revokeApiKey',
    method: 'DELETE',
    path: '/v1/api-keys/{api_key_id}',
    tag: 'workspaces and keys',
    summary: 'Revoke an API key at once and for good; repeating it is fine',
    role: 'admin',
    params: z.strictObject({ api_key_id: ApiKeyId }),
    query: Nothing,
    responses: { 200: ApiKeyView },
    problems: ['not_found', 'last_key', 'too_many_conflicts'],
  }),
} as const
