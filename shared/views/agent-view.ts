import type { AgentView } from '../contract/agents.ts'
import type { Agent, AgentConfig } from '../domain/agent.ts'
import { redactDeep, redactText } from '../domain/redact.ts'

/** A config as it is shown: without the secrets that somebody wrote into it. */
export const configView = (config: AgentConfig): AgentView['config'] => redactDeep(config)

/** An agent as a client sees it. */
export const agentView = (agent: Agent): AgentView => ({
  id: agent.id,
  workspace_id: agent.workspace_id,
  agent_key: agent.agent_key,
  name: redactText(agent.name),
  config: configView(agent.config),
  active: agent.active,
  ...(agent.deleted_at === undefined ? {} : { deleted_at: agent.deleted_at }),
  created_at: agent.created_at,
  updated_at: agent.updated_at,
})
