/** Bad requests as data. */
import type { ProblemCode } from '../../shared/domain/result.ts'
import { encodeCursor } from '../../shared/lists/cursor.ts'
import type { Sent } from './http.ts'
import { unknown_ids, type World } from './two-workspaces.ts'

export interface Bad {
  readonly name: string
  readonly method: string
  readonly path: string | ((w: World) => string)
  readonly sent?: Sent | ((w: World) => Sent)
  readonly as?: keyof World['keys'] | 'nobody'
  readonly code: ProblemCode
  readonly field?: string
}

const accepts = (name: string, body: object | ((w: World) => object), code: ProblemCode, field?: string): Bad => ({
  name: `POST /v1/tasks with ${name}`,
  method: 'POST',
  path: '/v1/tasks',
  as: 'member',
  sent: (w) => ({ body: { agent_id: w.own['agent_id'], message: 'x', ...(typeof body === 'function' ? body(w) : body) } }),
  code,
  ...(field === undefined ? {} : { field }),
})
const creates = (name: string, body: object, code: ProblemCode, field?: string): Bad => ({
  name: `POST /v1/agents with ${name}`,
  method: 'POST',
  path: '/v1/agents',
  as: 'admin',
  sent: { body: { agent_key: 'new', config: {}, ...body } },
  code,
  ...(field === undefined ? {} : { field }),
})
const patches = (name: string, body: unknown, code: ProblemCode, field?: string): Bad => ({
  name: `PATCH /v1/agents/{agent_id} with ${name}`,
  method: 'PATCH',
  path: (w) => `/v1/agents/${w.own['agent_id']}`,
  as: 'admin',
  sent: { body },
  code,
  ...(field === undefined ? {} : { field }),
})
const gets = (path: string | ((w: World) => string), code: ProblemCode, field?: string): Bad => ({
  name: `GET ${typeof path === 'string' ? path : String(path).replace(/^.*=> /, '')}`,
  method: 'GET',
  path,
  as: 'admin',
  code,
  ...(field === undefined ? {} : { field }),
})
const posts = (name: string, sent: Sent, code: ProblemCode): Bad => ({
  name: `POST /v1/tasks with ${name}`,
  method: 'POST',
  path: '/v1/tasks',
  as: 'member',
  sent,
  code,
})

const six_megabytes = 'x'.repeat(6 * 1024 * 1024)

export const bad_requests: readonly Bad[] = [
  // The audit.
  gets('/v1/audit', 'invalid_request', 'invariant'),
  gets('/v1/audit?invariant=9', 'invalid_request', 'invariant'),
  gets('/v1/audit?invariant=1&cursor=x', 'invalid_request', 'cursor'),
  // Wrong types and values in a command.
  accepts('a number as message', { message: 7 }, 'invalid_request', 'message'),
  accepts('no message', { message: undefined }, 'invalid_request', 'message'),
  accepts('an empty message', { message: ' \n' }, 'invalid_request', 'message'),
  accepts('no agent', { agent_id: undefined }, 'invalid_request', 'agent_id'),
  accepts('a task id as agent', (w) => ({ agent_id: w.own['task_id'] }), 'invalid_request', 'agent_id'),
  accepts('an unknown field', { mesage: 'typo' }, 'invalid_request', 'mesage'),
  accepts('an unknown field in the policy', { policy: { sandbox: true } }, 'invalid_request', 'policy.sandbox'),
  accepts('an unknown field in the routing', { routing: { cc: 'x' } }, 'invalid_request', 'routing.cc'),
  accepts('a wrong security', { policy: { security: 'none' } }, 'invalid_request', 'policy.security'),
  accepts('a wrong type in the policy', { policy: { network_enabled: 'yes' } }, 'invalid_request', 'policy.network_enabled'),
  accepts('no attempts', { policy: { retry: { max_attempts: 0 } } }, 'invalid_request', 'policy.retry.max_attempts'),
  accepts('a shrinking backoff', { policy: { retry: { backoff_rate: 0.5 } } }, 'invalid_request', 'policy.retry.backoff_rate'),
  accepts('a negative timeout', { timeout_ms: -1 }, 'invalid_request', 'timeout_ms'),
  accepts('a timeout that is no whole number', { timeout_ms: 1.5 }, 'invalid_request', 'timeout_ms'),
  accepts('an unknown priority', { priority: 'asap' }, 'invalid_request', 'priority'),
  accepts('a budget of nothing', { budget_usd: 0 }, 'invalid_request', 'budget_usd'),
  accepts('a date without a zone', { not_before: '2026-11-22T09:00:00' }, 'invalid_request', 'not_before'),
  accepts('metadata that is nested', { metadata: { a: { b: 1 } } }, 'invalid_request', 'metadata.a'),
  accepts('too much metadata', { metadata: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`k${n}`, 'v'])) }, 'invalid_request', 'metadata'),
  accepts('an attachment that climbs', { attachments: [{ name: '../etc/passwd', content: '' }] }, 'invalid_request', 'attachments.0.name'),
  accepts('an attachment of another encoding', { attachments: [{ name: 'a', content: '', encoding: 'hex' }] }, 'invalid_request', 'attachments.0.encoding'),
  accepts('a session id with blanks', { session_id: 'my session' }, 'invalid_request', 'session_id'),
  accepts('a label that is too long', { label: 'l'.repeat(201) }, 'invalid_request', 'label'),
  accepts('a message that is too long', { message: 'm'.repeat(1_000_001) }, 'invalid_request', 'message'),
  // What this deployment does not do.
  accepts('questions to a human', { policy: { ask: 'always' } }, 'policy_unsupported', 'policy.ask'),
  accepts('an interactive run', { policy: { interactive: true } }, 'policy_unsupported', 'policy.interactive'),
  accepts('another runtime', { policy: { runtime_type: 'runc' } }, 'policy_unsupported', 'policy.runtime_type'),
  accepts('no network where that cannot be enforced', { policy: { network_enabled: false } }, 'sandbox_unavailable', 'policy.network_enabled'),
  accepts('delivery', { deliver: true }, 'feature_unsupported', 'deliver'),
  // Ids of nothing, of the inactive, and of others.
  accepts('an unknown agent', { agent_id: unknown_ids['agent_id'] }, 'not_found', 'agent_id'),
  accepts("another workspace's agent", (w) => ({ agent_id: w.foreign['agent_id'] }), 'not_found', 'agent_id'),
  accepts("another workspace's parent", (w) => ({ parent_task_id: w.foreign['task_id'] }), 'not_found', 'parent_task_id'),
  accepts('an inactive agent', (w) => ({ agent_id: w.idle_agent_id }), 'agent_inactive', 'agent_id'),
  // Bodies that are no bodies.
  posts('broken JSON', { raw: '{"message": "x"' }, 'invalid_json'),
  posts('broken JSON in base64', { raw: '{"message"}', base64: true }, 'invalid_json'),
  posts('no body', {}, 'invalid_request'),
  posts('a list', { body: [] }, 'invalid_request'),
  posts('null', { raw: 'null' }, 'invalid_request'),
  posts('another content type', { body: { message: 'x' }, headers: { 'content-type': 'text/plain' } }, 'unsupported_media_type'),
  posts('a form', { raw: 'message=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 'unsupported_media_type'),
  posts('6 MB', { body: { message: six_megabytes } }, 'body_too_large'),
  posts('6 MB that are no JSON', { raw: six_megabytes }, 'body_too_large'),
  {
    ...posts('a field in an action without any', { body: { force: true } }, 'invalid_request'),
    name: 'POST /cancel with a field',
    path: (w) => `/v1/tasks/${w.own['task_id']}/cancel`,
    field: 'force',
  },
  // Agents.
  creates('no key', { agent_key: undefined }, 'invalid_request', 'agent_key'),
  creates('a key with a slash', { agent_key: 'a/b' }, 'invalid_request', 'agent_key'),
  creates('a taken key', { agent_key: 'furniture' }, 'agent_key_taken', 'agent_key'),
  creates('an unknown field in the config', { config: { temperature: 1 } }, 'invalid_request', 'config.temperature'),
  creates('a tool that is none', { config: { allowed_tools: ['rm -rf'] } }, 'invalid_request', 'config.allowed_tools.0'),
  creates('no room at all', { config: { concurrency: 0 } }, 'invalid_request', 'config.concurrency'),
  creates('a process without a command', { config: { runner: 'process' } }, 'invalid_request', 'config.command'),
  creates('a redacted prompt', { config: { system_prompt: 'key: [redacted]' } }, 'invalid_request', 'config.system_prompt'),
  creates('a relative workspace', { config: { workspace_dir: 'here' } }, 'invalid_request', 'config.workspace_dir'),
  patches('another key', { agent_key: 'other' }, 'invalid_request', 'agent_key'),
  patches('a wrong type', { active: 'yes' }, 'invalid_request', 'active'),
  patches('a redacted tool', { config: { command: ['curl', '[redacted]'] } }, 'invalid_request', 'config.command.1'),
  patches('its command removed', { config: { command: null } }, 'invalid_request', 'config.command'),
  { name: 'DELETE of an agent with work', method: 'DELETE', path: (w) => `/v1/agents/${w.own['agent_id']}`, as: 'admin', code: 'agent_busy' },
  {
    name: 'DELETE with a flag that is none',
    method: 'DELETE',
    path: (w) => `/v1/agents/${w.own['agent_id']}?cancel=yes`,
    as: 'admin',
    code: 'invalid_request',
    field: 'cancel',
  },
  // States.
  { name: 'archiving what runs', method: 'POST', path: (w) => `/v1/tasks/${w.own['task_id']}/archive`, as: 'member', code: 'illegal_state', field: 'state' },
  { name: 'retrying what runs', method: 'POST', path: (w) => `/v1/tasks/${w.own['task_id']}/retry`, as: 'member', code: 'illegal_state', field: 'state' },
  // Queries.
  gets('/v1/tasks?limit=0', 'invalid_request', 'limit'),
  gets('/v1/tasks?limit=201', 'invalid_request', 'limit'),
  gets('/v1/tasks?limit=ten', 'invalid_request', 'limit'),
  gets('/v1/tasks?state=gone', 'invalid_request', 'state'),
  gets('/v1/tasks?archived=maybe', 'invalid_request', 'archived'),
  gets('/v1/tasks?agent=x', 'invalid_request', 'agent'),
  gets('/v1/tasks?agent_id=x', 'invalid_request', 'agent_id'),
  gets('/v1/tasks?limit=1&limit=2', 'invalid_request', 'limit'),
  gets('/v1/tasks?cursor=', 'invalid_request', 'cursor'),
  gets('/v1/tasks?cursor=%00%ff', 'invalid_request', 'cursor'),
  gets('/v1/tasks?cursor=nonsense', 'invalid_request', 'cursor'),
  gets(`/v1/tasks?cursor=${encodeCursor('runs', { after: unknown_ids['run_id'] })}`, 'invalid_request', 'cursor'),
  gets(`/v1/tasks?cursor=${encodeCursor('tasks', { after: 'WS#other' })}`, 'invalid_request', 'cursor'),
  gets('/v1/runs?status=done', 'invalid_request', 'status'),
  gets('/v1/runs?cursor=AAAA', 'invalid_request', 'cursor'),
  gets('/v1/agents?cursor=AAAA', 'invalid_request', 'cursor'),
  gets('/v1/agents/defaults?agent_key=No', 'invalid_request', 'agent_key'),
  gets('/v1/execution-instances?cursor=AAAA', 'invalid_request', 'cursor'),
  gets('/v1/api-keys?cursor=AAAA', 'invalid_request', 'cursor'),
  gets((w) => `/v1/tasks/${w.own['task_id']}/logs?cursor=AAAA`, 'invalid_request', 'cursor'),
  gets((w) => `/v1/tasks/${w.own['task_id']}/events?log_cursor=AAAA`, 'invalid_request', 'log_cursor'),
  gets((w) => `/v1/tasks/${w.own['task_id']}/events?run_event_cursor=-1`, 'invalid_request', 'run_event_cursor'),
  gets((w) => `/v1/tasks/${w.own['task_id']}/events?cursor_run_id=x`, 'invalid_request', 'cursor_run_id'),
  gets((w) => `/v1/runs/${w.own['run_id']}/events?cursor=AAAA`, 'invalid_request', 'cursor'),
  gets((w) => `/v1/runs/${w.own['run_id']}/snapshots?cursor=AAAA`, 'invalid_request', 'cursor'),
  gets((w) => `/v1/runs/${w.own['run_id']}/attempts?cursor=AAAA`, 'invalid_request', 'cursor'),
  {
    name: 'a limit below zero',
    method: 'PATCH',
    path: (w) => `/v1/execution-instances/${w.own['instance_key']}`,
    sent: { body: { desired_dispatch_concurrency: -1 } },
    code: 'invalid_request',
    field: 'desired_dispatch_concurrency',
  },
  // Paths.
  gets('/v1/tasks/mine', 'invalid_request', 'task_id'),
  gets((w) => `/v1/tasks/${w.own['run_id']}`, 'invalid_request', 'task_id'),
  gets('/v1/tasks/%2e%2e', 'invalid_request', 'task_id'),
  gets('/v1/nothing', 'route_not_found'),
  gets('/', 'route_not_found'),
  { name: 'PUT on a path that has other methods', method: 'PUT', path: '/v1/tasks', code: 'method_not_allowed' },
  { name: 'GET of an action', method: 'GET', path: (w) => `/v1/tasks/${w.own['task_id']}/cancel`, code: 'method_not_allowed' },
  // Keys.
  { name: 'no key', method: 'GET', path: '/v1/tasks', as: 'nobody', code: 'unauthenticated' },
  { name: 'no key and a broken body', method: 'POST', path: '/v1/tasks', as: 'nobody', sent: { raw: '{' }, code: 'unauthenticated' },
  { name: 'a revoked key', method: 'GET', path: '/v1/tasks', as: 'revoked', code: 'unauthenticated' },
  { name: 'a key of nobody', method: 'GET', path: '/v1/tasks', as: 'nobody', sent: { key: `lk_${'a'.repeat(43)}` }, code: 'unauthenticated' },
  { name: 'a scheme that is not offered', method: 'GET', path: '/v1/tasks', as: 'nobody', sent: { authorization: 'Basic bGs6eA==' }, code: 'unauthenticated' },
  {
    name: "a runner's token",
    method: 'GET',
    path: '/v1/tasks',
    as: 'nobody',
    sent: { authorization: 'Bearer lkatt_ws_1.run_1.1.secret' },
    code: 'unauthenticated',
  },
  {
    name: 'a key above the own',
    method: 'POST',
    path: '/v1/api-keys',
    as: 'admin',
    sent: { body: { name: 'x', role: 'operator' } },
    code: 'forbidden',
    field: 'role',
  },
  {
    name: 'a key with an unknown role',
    method: 'POST',
    path: '/v1/api-keys',
    as: 'admin',
    sent: { body: { name: 'x', role: 'root' } },
    code: 'invalid_request',
    field: 'role',
  },
  {
    name: 'a key without a name',
    method: 'POST',
    path: '/v1/api-keys',
    as: 'admin',
    sent: { body: { name: ' ', role: 'viewer' } },
    code: 'invalid_request',
    field: 'name',
  },
  { name: 'a workspace without a name', method: 'POST', path: '/v1/workspaces', as: 'operator', sent: { body: {} }, code: 'invalid_request', field: 'name' },
  {
    name: 'another workspace named by an admin',
    method: 'GET',
    path: '/v1/tasks',
    as: 'admin',
    sent: (w) => ({ headers: { 'x-lanekeeper-workspace': w.foreign_workspace_id } }),
    code: 'forbidden',
  },
  {
    name: 'no workspace named by an operator',
    method: 'GET',
    path: '/v1/tasks',
    as: 'operator',
    sent: { headers: { 'x-lanekeeper-workspace': 'other' } },
    code: 'invalid_request',
    field: 'x-lanekeeper-workspace',
  },
  {
    name: 'an unknown workspace named by an operator',
    method: 'GET',
    path: '/v1/tasks',
    as: 'operator',
    sent: { headers: { 'x-lanekeeper-workspace': 'ws_7ZZZZZZZZZZZZZZZZZZZZZZZZZ' } },
    code: 'not_found',
    field: 'x-lanekeeper-workspace',
  },
]
