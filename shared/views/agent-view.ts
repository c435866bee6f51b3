import type { AgentView } from '../contract/agents.ts'
import type { Agent, AgentConfig } from '../domain/agent.ts'
import { redactText } from '../domain/redact.ts'

const maybe = <K extends string>(key: K, text: string | undefined): Partial<Record<K, string>> => {
  const fields: Partial<Record<K, string>> = {}
  if (text !== undefined) fields[key] = redactText(text)
  return fields
}
const texts = (list: readonly string[]): string[] => list.map((text) => redactText(text))

/** A config as it is shown: without the secrets that somebody wrote into it. */
export const configView = (config: AgentConfig): AgentView['config'] => ({
  runner: redactText(config.runner),
  provider: redactText(config.provider),
  ...maybe('model', config.model),
  system_prompt: redactText(config.system_prompt),
  ...maybe('workspace_dir', config.workspace_dir),
  skills: texts(config.skills),
  allowed_tools: texts(config.allowed_tools),
  concurrency: config.concurrency,
  ...(config.command === undefined ? {} : { command: texts(config.command) }),
  ...(config.max_turns === undefined ? {} : { max_turns: config.max_turns }),
})

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
