/** The first records of a simulated deployment, without faults: workspaces, keys of every role, agents. */
import { Agent, AgentConfig } from '../../shared/domain/agent.ts'
import { apiKeyHash } from '../../shared/domain/decide/api-key.ts'
import { AgentId, ApiKeyId, WorkspaceId } from '../../shared/domain/ids.ts'
import { timestamp } from '../../shared/domain/time.ts'
import type { ApiKey, Role } from '../../shared/domain/workspace.ts'
import type { StoredRecord } from '../../shared/store/records.ts'
import type { Tenant, World } from './world.ts'

const put = async (world: World, record: StoredRecord): Promise<void> => {
  const committed = await world.journal.store.commit([{ op: 'put_if_absent', record }])
  if (!committed.ok) throw new Error(`the ${record.kind} was there already`)
}

const keyFor = async (world: World, workspace_id: WorkspaceId, role: Role): Promise<string> => {
  const key = `lk_${world.ids.secret()}`
  const record: ApiKey = {
    kind: 'api_key',
    id: ApiKeyId.parse(world.ids.mint('api_key')),
    workspace_id,
    key_hash: apiKeyHash(key),
    hint: key.slice(0, 9),
    name: role,
    role,
    created_at: timestamp(world.now_ms),
    version: 1,
  }
  await put(world, record)
  return key
}

const addAgent = async (world: World, workspace_id: WorkspaceId, concurrency: number): Promise<void> => {
  const now = timestamp(world.now_ms)
  const id = AgentId.parse(world.ids.mint('agent'))
  const config = AgentConfig.parse({ runner: 'process', command: ['true'], concurrency })
  const agent = Agent.parse({
    kind: 'agent',
    id,
    workspace_id,
    agent_key: `a-${concurrency}`,
    name: 'A',
    config,
    active: true,
    created_at: now,
    updated_at: now,
    version: 1,
  })
  await put(world, agent)
  await put(world, { kind: 'agent_key', workspace_id, agent_key: agent.agent_key, agent_id: id, version: 1 })
}

const addTenant = async (world: World, concurrencies: readonly number[]): Promise<Tenant> => {
  const workspace_id = WorkspaceId.parse(world.ids.mint('workspace'))
  await put(world, { kind: 'workspace', id: workspace_id, name: 'W', created_at: timestamp(world.now_ms), version: 1 })
  const key = (role: Role) => keyFor(world, workspace_id, role)
  const keys = { viewer: await key('viewer'), member: await key('member'), admin: await key('admin'), operator: await key('operator') }
  for (const concurrency of concurrencies) await addAgent(world, workspace_id, concurrency)
  return { workspace_id, keys }
}

/** Most of the work is in the first workspace, so that it meets itself. */
export const setUp = async (world: World): Promise<void> => {
  for (const concurrencies of [[1, 3], [2], [1]]) world.tenants.push(await addTenant(world, concurrencies))
}
