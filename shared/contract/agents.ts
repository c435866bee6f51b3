/** Agents: profiles that commands run as. */
import * as z from 'zod'
import { AgentConfig, AgentConfigPatch, AgentKey } from '../domain/agent.ts'
import { AgentId, WorkspaceId } from '../domain/ids.ts'
import { Timestamp } from '../domain/time.ts'
import { listOf, named, Nothing, page_query, QueryFlag } from './common.ts'
import { operation } from './operation.ts'

/** A config as it is shown: secrets in it are redacted, so its texts may no longer fit the rules for writing them. */
export const AgentConfigView = named(
  'AgentConfig',
  z.object({ ...AgentConfig.shape, workspace_dir: z.string().optional(), allowed_tools: z.array(z.string()) }),
)
export type AgentConfigView = z.infer<typeof AgentConfigView>

export const AgentView = named(
  'Agent',
  z.object({
    id: AgentId,
    workspace_id: WorkspaceId,
    agent_key: AgentKey,
    name: z.string(),
    config: AgentConfigView,
    active: z.boolean(),
    /** Only in the answer to a deletion. */
    deleted_at: Timestamp.optional(),
    created_at: Timestamp,
    updated_at: Timestamp,
  }),
)
export type AgentView = z.infer<typeof AgentView>

/** The config of an agent that says nothing itself. `workspace_dir` needs the agent's key. */
export const AgentDefaults = named('AgentDefaults', z.object({ agent_key: AgentKey.optional(), config: AgentConfigView }))

const name = z.string().trim().min(1).max(200)

/** `name` defaults to the key, `config` to the defaults, field by field. */
export const CreateAgent = z.strictObject({
  agent_key: AgentKey,
  name: name.optional(),
  config: AgentConfigPatch.default({}),
  active: z.boolean().default(true),
})
export type CreateAgent = z.infer<typeof CreateAgent>

/** What is absent stays. In `config`, an optional field that is null is removed. */
export const UpdateAgent = z.strictObject({
  name: name.optional(),
  config: AgentConfigPatch.extend({
    model: AgentConfigPatch.shape.model.nullable(),
    command: AgentConfigPatch.shape.command.nullable(),
    max_turns: AgentConfigPatch.shape.max_turns.nullable(),
  }).optional(),
  active: z.boolean().optional(),
})
export type UpdateAgent = z.infer<typeof UpdateAgent>

const params = z.strictObject({ agent_id: AgentId })

export const agent_operations = {
  defaultAgentConfig: operation({
    id: 'defaultAgentConfig',
    method: 'GET',
    path: '/v1/agents/defaults',
    tag: 'agents',
    summary: 'The config of an agent that says nothing itself',
    role: 'viewer',
    query: z.strictObject({ agent_key: AgentKey.optional() }),
    params: Nothing,
    responses: { 200: AgentDefaults },
    problems: [],
  }),
  createAgent: operation({
    id: 'createAgent',
    method: 'POST',
    path: '/v1/agents',
    tag: 'agents',
    summary: 'Create an agent',
    role: 'admin',
    body: CreateAgent,
    params: Nothing,
    query: Nothing,
    responses: { 201: AgentView },
    problems: ['agent_key_taken'],
  }),
  listAgents: operation({
    id: 'listAgents',
    method: 'GET',
    path: '/v1/agents',
    tag: 'agents',
    summary: 'List agents, newest first, or find one by its key',
    role: 'viewer',
    query: z.strictObject({ agent_key: AgentKey.optional(), ...page_query }),
    params: Nothing,
    responses: { 200: listOf('AgentList', AgentView) },
    problems: [],
  }),
  getAgent: operation({
    id: 'getAgent',
    method: 'GET',
    path: '/v1/agents/{agent_id}',
    tag: 'agents',
    summary: 'Get an agent',
    role: 'viewer',
    params,
    query: Nothing,
    responses: { 200: AgentView },
    problems: ['not_found'],
  }),
  updateAgent: operation({
    id: 'updateAgent',
    method: 'PATCH',
    path: '/v1/agents/{agent_id}',
    tag: 'agents',
    summary: 'Change an agent; config is merged key by key',
    role: 'admin',
    params,
    body: UpdateAgent,
    query: Nothing,
    responses: { 200: AgentView },
    problems: ['not_found', 'too_many_conflicts'],
  }),
  deleteAgent: operation({
    id: 'deleteAgent',
    method: 'DELETE',
    path: '/v1/agents/{agent_id}',
    tag: 'agents',
    summary: 'Delete an agent; its past tasks stay. Refused while it has work, unless cancel=true',
    role: 'admin',
    params,
    query: z.strictObject({ cancel: QueryFlag }),
    responses: { 200: AgentView },
    problems: ['not_found', 'agent_busy', 'too_many_conflicts'],
  }),
} as const
