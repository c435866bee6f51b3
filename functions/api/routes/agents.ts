/** Agents: defaults, create, list, get, update, delete. */
import { operations } from '../../../shared/contract/operations.ts'
import { defaultAgentConfig } from '../../../shared/domain/decide/agent.ts'
import { ok, refuse } from '../../../shared/domain/result.ts'
import { createAgent, deleteAgent, loadAgent, updateAgent } from '../../../shared/flows/agents.ts'
import { agentByKey, listAgents } from '../../../shared/lists/simple.ts'
import { agentView, configView } from '../../../shared/views/agent-view.ts'
import type { HttpRoute } from '../../middleware/http-handler.ts'
import { bodyRoute, route } from '../../middleware/route.ts'
import type { ApiDeps } from '../deps.ts'

const defaults = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.defaultAgentConfig, async ({ query: { agent_key } }) =>
    ok({ status: 200, body: { ...(agent_key === undefined ? {} : { agent_key }), config: configView(defaultAgentConfig(agent_key, deps.deployment)) } }),
  )

const create = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.createAgent, async ({ body }, { workspace_id }) => {
    const created = await createAgent(deps, { workspace_id, ...body })
    return created.ok ? ok({ status: 201, body: agentView(created.value) }) : created
  })

const list = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.listAgents, async ({ query: { agent_key, ...page } }, { workspace_id }) => {
    if (agent_key !== undefined) {
      const agent = await agentByKey(deps.store, workspace_id, agent_key)
      return ok({ status: 200, body: { items: agent === undefined ? [] : [agentView(agent)] } })
    }
    const listed = await listAgents(deps.store, workspace_id, page)
    return listed.ok ? ok({ status: 200, body: { ...listed.value, items: listed.value.items.map(agentView) } }) : listed
  })

const get = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.getAgent, async ({ params: { agent_id } }, { workspace_id }) => {
    const agent = await loadAgent(deps, { workspace_id, agent_id })
    return agent === undefined ? refuse('not_found', `no agent ${agent_id}`) : ok({ status: 200, body: agentView(agent) })
  })

const update = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.updateAgent, async ({ params: { agent_id }, body }, { workspace_id }) => {
    const updated = await updateAgent(deps, { workspace_id, agent_id }, body)
    return updated.ok ? ok({ status: 200, body: agentView(updated.value) }) : updated
  })

const remove = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.deleteAgent, async ({ params: { agent_id }, query: { cancel } }, { workspace_id }) => {
    const deleted = await deleteAgent(deps, { workspace_id, agent_id }, { cancel })
    return deleted.ok ? ok({ status: 200, body: agentView(deleted.value) }) : deleted
  })

export const agentRoutes = (deps: ApiDeps): readonly HttpRoute[] => [defaults, create, list, get, update, remove].map((make) => make(deps))
