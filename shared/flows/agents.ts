/** Creating, changing and deleting agents. */
import { decideCreateAgent, decideDeactivateAgent, decideDeleteAgent, decideUpdateAgent, type AgentChange } from '../domain/decide/agent.ts'
import type { Agent, AgentConfigPatch } from '../domain/agent.ts'
import { AgentId, type WorkspaceId } from '../domain/ids.ts'
import { ok, refuse, type Refusal, type Result } from '../domain/result.ts'
import { refs } from '../store/keys.ts'
import { agentHasWork, cancelAgentWork, wakeAgentClasses } from './agent-work.ts'
import { agentHasSchedules, pauseAgentSchedules } from './agent-schedules.ts'
import { settle, type FlowDeps } from './flow.ts'

export interface AgentName {
  readonly workspace_id: WorkspaceId
  readonly agent_id: AgentId
}
const noAgent = (agent_id: string): Refusal => refuse('not_found', `no agent ${agent_id}`)

/** An agent that is not deleted. */
export const loadAgent = async (deps: FlowDeps, { workspace_id, agent_id }: AgentName): Promise<Agent | undefined> => {
  const agent = await deps.store.get(refs.agent(workspace_id, agent_id))
  return agent?.deleted_at === undefined ? agent : undefined
}

export interface CreateAgentRequest {
  readonly workspace_id: WorkspaceId
  readonly agent_key: string
  readonly name?: string | undefined
  readonly config: AgentConfigPatch
  readonly active: boolean
}

/** One commit takes the key and makes the agent, so of two that want a key one gets it. */
export const createAgent = async (deps: FlowDeps, request: CreateAgentRequest): Promise<Result<Agent>> => {
  const decision = decideCreateAgent({ ...request, id: AgentId.parse(deps.ids.mint('agent')) }, deps.clock.now())
  if (!decision.ok) return decision
  const committed = await deps.store.commit(decision.writes)
  if (committed.ok) return ok(decision.value)
  return refuse('agent_key_taken', `another agent has the key ${request.agent_key}`, [{ field: 'agent_key', message: 'is taken', value: request.agent_key }])
}

/** Its classes are looked at again where what they may do has changed. */
export const updateAgent = async (deps: FlowDeps, name: AgentName, change: AgentChange): Promise<Result<Agent>> => {
  const updated = await settle(deps, async () => {
    const agent = await loadAgent(deps, name)
    return agent === undefined ? noAgent(name.agent_id) : decideUpdateAgent(agent, change, deps.clock.now())
  })
  if (updated.ok && (change.active !== undefined || change.config?.concurrency !== undefined)) await wakeAgentClasses(deps, name)
  return updated
}

const deactivate = async (deps: FlowDeps, name: AgentName): Promise<Result<Agent>> =>
  settle(deps, async () => {
    const agent = await loadAgent(deps, name)
    return agent === undefined ? noAgent(name.agent_id) : decideDeactivateAgent(agent, deps.clock.now())
  })

/**
 * Deletes an agent that has no work and no active schedule, or pauses its schedules and cancels its work first. An agent whose work is to be cancelled takes no more
 * commands from the beginning on; a deletion that broke off in between is repeated by the client.
 */
export const deleteAgent = async (deps: FlowDeps, name: AgentName, options: { readonly cancel: boolean }): Promise<Result<Agent>> => {
  if (options.cancel) {
    const inactive = await deactivate(deps, name)
    if (!inactive.ok) return inactive
    await pauseAgentSchedules(deps, name)
    await cancelAgentWork(deps, name)
  } else {
    if ((await loadAgent(deps, name)) === undefined) return noAgent(name.agent_id)
    if (await agentHasWork(deps, name)) return refuse('agent_busy', `agent ${name.agent_id} has work in line or live: cancel it, or delete with cancel=true`)
    if (await agentHasSchedules(deps, name))
      return refuse('agent_busy', `agent ${name.agent_id} has active schedules: pause or delete them, or delete the agent with cancel=true, which pauses them`)
  }
  const deleted = await settle(deps, async () => {
    const agent = await loadAgent(deps, name)
    if (agent === undefined) return noAgent(name.agent_id)
    return decideDeleteAgent(agent, await deps.store.get(refs.agentKey(agent.workspace_id, agent.agent_key)), deps.clock.now())
  })
  if (!deleted.ok) return deleted
  // One that was made while the agent was being deleted.
  await pauseAgentSchedules(deps, name)
  await wakeAgentClasses(deps, name)
  return deleted
}
