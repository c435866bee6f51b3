import type { ApiKeyView, WorkspaceView } from '../contract/workspaces.ts'
import type { ApiKey, Workspace } from '../domain/workspace.ts'

export const workspaceView = (workspace: Workspace): WorkspaceView => ({ id: workspace.id, name: workspace.name, created_at: workspace.created_at })

/** A key as it is listed: never the key, nor its hash. */
export const apiKeyView = (key: ApiKey): ApiKeyView => ({
  id: key.id,
  workspace_id: key.workspace_id,
  name: key.name,
  role: key.role,
  hint: key.hint,
  created_at: key.created_at,
  ...(key.revoked_at === undefined ? {} : { revoked_at: key.revoked_at }),
})
