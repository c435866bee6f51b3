/** Agents: what a new one is made of, how one is changed, and how one ends. */
import { AgentConfig, type Agent, type AgentConfigPatch, type AgentKeyClaim } from '../agent.ts'
import { decided, type Decision } from '../decision.ts'
import type { AgentId, WorkspaceId } from '../ids.ts'
import { refuse, type Refusal } from '../result.ts'
import { timestamp } from '../time.ts'
import { refuseRedacted } from './redacted.ts'
import { refs } from '../../store/keys.ts'
import type { Deployment } from '../../settings.ts'

/** A config's optional fields can be removed by null. */
type ConfigChange = { readonly [F in keyof AgentConfigPatch]?: AgentConfigPatch[F] | null }

/** Where an agent's workspace is unless its config says otherwise (SPEC §6). */
const workspaceDir = (agent_key: string): string => `/workspace/agents/${agent_key}`

/** The config of an agent that says nothing itself. `model` is what the deployment takes where a config names none. */
export const defaultAgentConfig = (agent_key: string | undefined, deployment: Deployment): AgentConfig => ({
  ...AgentConfig.parse({}),
  model: deployment.default_model,
  ...(agent_key === undefined ? {} : { workspace_dir: workspaceDir(agent_key) }),
})

const refuseConfig = (config: AgentConfig): Refusal | undefined =>
  config.runner === 'process' && config.command === undefined
    ? refuse('invalid_request', 'config.command is required for the runner process', [
        { field: 'config.command', message: 'is required for the runner process' },
      ])
    : undefined

const merge = (config: Partial<AgentConfig>, change: ConfigChange): AgentConfig => {
  const given = Object.entries(change).filter(([, value]) => value !== undefined)
  const merged = { ...config, ...Object.fromEntries(given) }
  return AgentConfig.parse(Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null && value !== undefined)))
}

export interface NewAgent {
  readonly id: AgentId
  readonly workspace_id: WorkspaceId
  readonly agent_key: string
  readonly name?: string | undefined
  readonly config: AgentConfigPatch
  readonly active: boolean
}

/** Makes an agent and takes its key. The commit conflicts where another agent has the key. */
export const decideCreateAgent = (wanted: NewAgent, now_ms: number): Decision<Agent> | Refusal => {
  const { id, workspace_id, agent_key, active } = wanted
  const config = merge({ workspace_dir: workspaceDir(agent_key) }, wanted.config)
  const refusal = refuseRedacted({ name: wanted.name, config: wanted.config }) ?? refuseConfig(config)
  if (refusal !== undefined) return refusal
  const now = timestamp(now_ms)
  const agent: Agent = {
    kind: 'agent',
    id,
    workspace_id,
    agent_key,
    name: wanted.name ?? agent_key,
    config,
    active,
    created_at: now,
    updated_at: now,
    version: 1,
  }
  return decided(
    [
      { op: 'put_if_absent', record: { kind: 'agent_key', workspace_id, agent_key, agent_id: id, version: 1 } },
      { op: 'put_if_absent', record: agent },
    ],
    [],
    agent,
  )
}

export interface AgentChange {
  readonly name?: string | undefined
  readonly config?: ConfigChange | undefined
  readonly active?: boolean | undefined
}

/** Changes what is given and merges `config` key by key. Work that was accepted before keeps the config it was accepted with. */
export const decideUpdateAgent = (agent: Agent, change: AgentChange, now_ms: number): Decision<Agent> | Refusal => {
  const config = merge(agent.config, change.config ?? {})
  const refusal = refuseRedacted({ name: change.name, config: change.config }) ?? refuseConfig(config)
  if (refusal !== undefined) return refusal
  const updated: Agent = { ...agent, name: change.name ?? agent.name, active: change.active ?? agent.active, config, updated_at: timestamp(now_ms) }
  return decided([{ op: 'replace_if_version', record: updated }], [], updated)
}

/** The agent takes no more commands. The first step of a deletion, so that no work comes in while its work is cancelled. */
export const decideDeactivateAgent = (agent: Agent, now_ms: number): Decision<Agent> => {
  if (!agent.active) return decided([], [], agent)
  const inactive: Agent = { ...agent, active: false, updated_at: timestamp(now_ms) }
  return decided([{ op: 'replace_if_version', record: inactive }], [], inactive)
}

/** Marks the agent as deleted and frees its key. The record stays: past tasks name it. */
export const decideDeleteAgent = (agent: Agent, claim: AgentKeyClaim | undefined, now_ms: number): Decision<Agent> => {
  const now = timestamp(now_ms)
  const deleted: Agent = { ...agent, active: false, deleted_at: now, updated_at: now }
  const free =
    claim?.agent_id === agent.id ? [{ op: 'delete_if_version', ref: refs.agentKey(agent.workspace_id, agent.agent_key), version: claim.version } as const] : []
  return decided([{ op: 'replace_if_version', record: deleted }, ...free], [], deleted)
}
