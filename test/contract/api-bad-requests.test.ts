/** Bad requests: each gets the right status, code and field, and changes nothing. */
import { beforeAll, expect, test } from 'vitest'
import type { Operation } from '../../shared/contract/operation.ts'
import { operations } from '../../shared/contract/operations.ts'
import { Problem } from '../../shared/contract/common.ts'
import { problems, type ProblemCode } from '../../shared/domain/result.ts'
import { roles } from '../../shared/domain/workspace.ts'
import { encodeCursor } from '../../shared/lists/cursor.ts'
import { apiPlane, shaped, type Answered, type ApiPlane, type Sent } from '../support/http.ts'

interface World {
  readonly plane: ApiPlane
  readonly keys: Readonly<Record<'viewer' | 'member' | 'admin' | 'operator' | 'revoked', string>>
  /** What the workspace has, by the name that it has in paths. */
  readonly own: Readonly<Record<string, string>>
  /** What another workspace has. */
  readonly foreign: Readonly<Record<string, string>>
  readonly foreign_workspace_id: string
  readonly idle_agent_id: string
}

/** Well-formed ids of nothing. */
const unknown: Readonly<Record<string, string>> = {
  agent_id: 'agt_7ZZZZZZZZZZZZZZZZZZZZZZZZZ',
  task_id: 'task_7ZZZZZZZZZZZZZZZZZZZZZZZZZ',
  run_id: 'run_7ZZZZZZZZZZZZZZZZZZZZZZZZZ',
  instance_key: `execclass_${'0'.repeat(32)}`,
  api_key_id: 'key_7ZZZZZZZZZZZZZZZZZZZZZZZZZ',
}

/** An agent with a live task, as a workspace's key makes them. */
const furnish = async (plane: ApiPlane, key: string, headers: Readonly<Record<string, string>> = {}): Promise<Readonly<Record<string, string>>> => {
  const post = async (path: string, body: object) => plane.call('POST', path, { key, headers, body })
  const agent = shaped(operations.createAgent.responses[201], await post('/v1/agents', { agent_key: 'furniture', config: { runner: 'process', command: ['true'] } }), 201)
  const { task } = shaped(operations.acceptAgentCommand.responses[202], await post('/v1/tasks', { agent_id: agent.id, message: 'x', session_id: 'shared', label: 'shared' }), 202)
  await plane.deliver()
  const { target_run_id } = shaped(operations.getTask.responses[200], await plane.call('GET', `/v1/tasks/${task.id}`, { key, headers }))
  const made = shaped(operations.createApiKey.responses[201], await post('/v1/api-keys', { name: 'k', role: 'viewer' }), 201)
  return { agent_id: agent.id, task_id: task.id, run_id: target_run_id ?? '', instance_key: task.execution_class_key, api_key_id: made.api_key.id, key: made.key }
}

const build = async (): Promise<World> => {
  const plane = apiPlane({ deployment: { runners: ['process'], sandbox: { network: false, files: false, hint: 'Install bubblewrap.' } } })
  const keyOf = async (role: (typeof roles)[number]) => plane.makeKey(plane.workspace_id, role)
  const keys = {
    viewer: await keyOf('viewer'),
    member: await keyOf('member'),
    admin: await keyOf('admin'),
    operator: await keyOf('operator'),
    revoked: await plane.makeKey(plane.workspace_id, 'admin', { revoked: true }),
  }
  const own = await furnish(plane, keys.admin)
  const idle = shaped(operations.createAgent.responses[201], await plane.call('POST', '/v1/agents', { key: keys.admin, body: { agent_key: 'idle', active: false } }), 201)
  const other = shaped(operations.createWorkspace.responses[201], await plane.call('POST', '/v1/workspaces', { key: keys.operator, body: { name: 'Other' } }), 201)
  const foreign = await furnish(plane, keys.operator, { 'x-lanekeeper-workspace': other.id })
  return { plane, keys, own, foreign, foreign_workspace_id: other.id, idle_agent_id: idle.id }
}

let world: World
beforeAll(async () => {
  world = await build()
})

/** Calls, and checks that nothing was written or signalled and that the answer is a problem with a request id. */
const refused = async (method: string, path: string, sent: Sent): Promise<{ answer: Answered; problem: Problem }> => {
  const { plane } = world
  const [writes, signals] = [plane.writes.length, plane.signals.length]
  const answer = await plane.call(method, path, sent)
  expect(plane.writes.slice(writes), 'nothing is written').toEqual([])
  expect(plane.signals.slice(signals), 'nothing is signalled').toEqual([])
  const problem = Problem.parse(answer.body)
  expect(problem).toEqual(answer.body)
  expect(answer.headers).toMatchObject({ 'content-type': 'application/problem+json', 'x-request-id': problem.request_id })
  expect(problem.status).toBe(answer.status)
  expect(problem.title).toBe(problems[problem.code].title)
  return { answer, problem }
}

interface Bad {
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
const posts = (name: string, sent: Sent, code: ProblemCode): Bad => ({ name: `POST /v1/tasks with ${name}`, method: 'POST', path: '/v1/tasks', as: 'member', sent, code })

const six_megabytes = 'x'.repeat(6 * 1024 * 1024)

const table: readonly Bad[] = [
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
  accepts('an unknown agent', { agent_id: unknown['agent_id'] }, 'not_found', 'agent_id'),
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
  { ...posts('a field in an action without any', { body: { force: true } }, 'invalid_request'), name: 'POST /cancel with a field', path: (w) => `/v1/tasks/${w.own['task_id']}/cancel`, field: 'force' },
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
  { name: 'DELETE with a flag that is none', method: 'DELETE', path: (w) => `/v1/agents/${w.own['agent_id']}?cancel=yes`, as: 'admin', code: 'invalid_request', field: 'cancel' },
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
  gets(`/v1/tasks?cursor=${encodeCursor('runs', { after: unknown['run_id'] })}`, 'invalid_request', 'cursor'),
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
  { name: "a runner's token", method: 'GET', path: '/v1/tasks', as: 'nobody', sent: { authorization: 'Bearer lkatt_ws_1.run_1.1.secret' }, code: 'unauthenticated' },
  { name: 'a key above the own', method: 'POST', path: '/v1/api-keys', as: 'admin', sent: { body: { name: 'x', role: 'operator' } }, code: 'forbidden', field: 'role' },
  { name: 'a key with an unknown role', method: 'POST', path: '/v1/api-keys', as: 'admin', sent: { body: { name: 'x', role: 'root' } }, code: 'invalid_request', field: 'role' },
  { name: 'a key without a name', method: 'POST', path: '/v1/api-keys', as: 'admin', sent: { body: { name: ' ', role: 'viewer' } }, code: 'invalid_request', field: 'name' },
  { name: 'a workspace without a name', method: 'POST', path: '/v1/workspaces', as: 'operator', sent: { body: {} }, code: 'invalid_request', field: 'name' },
  {
    name: 'another workspace named by an admin',
    method: 'GET',
    path: '/v1/tasks',
    as: 'admin',
    sent: (w) => ({ headers: { 'x-lanekeeper-workspace': w.foreign_workspace_id } }),
    code: 'forbidden',
  },
  { name: 'no workspace named by an operator', method: 'GET', path: '/v1/tasks', as: 'operator', sent: { headers: { 'x-lanekeeper-workspace': 'other' } }, code: 'invalid_request', field: 'x-lanekeeper-workspace' },
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

test.each(table)('$name is $code', async ({ method, path, sent, as = 'admin', code, field }) => {
  const given = typeof sent === 'function' ? sent(world) : (sent ?? {})
  const { answer, problem } = await refused(method, typeof path === 'function' ? path(world) : path, { ...(as === 'nobody' ? {} : { key: world.keys[as] }), ...given })
  expect({ status: answer.status, code: problem.code }, problem.detail).toEqual({ status: problems[code].status, code })
  if (field !== undefined) expect(problem.errors?.map((error) => error.field)).toContain(field)
  if (code === 'unauthenticated') expect(answer.headers['www-authenticate']).toBe('Bearer')
})

test('the table is long enough', () => {
  expect(table.length).toBeGreaterThanOrEqual(40)
})

const all: readonly Operation[] = Object.values(operations)
const nameIn = (operation: Operation): string => /\{([a-z_]+)\}/.exec(operation.path)?.[1] ?? ''
const with_id = all.filter((operation) => nameIn(operation) !== '')
const fill = (operation: Operation, id: string | undefined): string => operation.path.replace(/\{[a-z_]+\}/, id ?? '')
const sentTo = (operation: Operation, key: string): Sent => ({ key, ...(operation.body === undefined ? {} : { body: {} }) })

test.each(with_id)("$method $path of another workspace's record, or of none, is a 404 that tells nothing", async (operation) => {
  const name = nameIn(operation)
  const foreign = await refused(operation.method, fill(operation, world.foreign[name]), sentTo(operation, world.keys.admin))
  const nothing = await refused(operation.method, fill(operation, unknown[name]), sentTo(operation, world.keys.admin))
  expect(foreign.answer.status).toBe(404)
  expect(foreign.problem.code).toBe('not_found')
  const same = (problem: Problem, id: string | undefined) => ({ ...problem, request_id: '', detail: problem.detail.replace(id ?? '', '') })
  expect(same(foreign.problem, world.foreign[name])).toEqual(same(nothing.problem, unknown[name]))
})

test.each(with_id)('$method $path with something that is no id names it', async (operation) => {
  const { answer, problem } = await refused(operation.method, fill(operation, 'nonsense'), sentTo(operation, world.keys.admin))
  expect(answer.status).toBe(400)
  expect(problem).toMatchObject({ code: 'invalid_request', errors: [{ field: nameIn(operation), value: 'nonsense' }] })
})

test.each(all.filter((operation) => operation.role !== 'public'))('$method $path needs a key, and the role $role', async (operation) => {
  const path = fill(operation, world.own[nameIn(operation)])
  expect((await refused(operation.method, path, {})).problem.code).toBe('unauthenticated')
  expect((await refused(operation.method, path, { key: world.keys.revoked })).problem.code).toBe('unauthenticated')
  for (const role of roles.slice(0, roles.findIndex((role) => role === operation.role))) {
    const { answer, problem } = await refused(operation.method, path, sentTo(operation, world.keys[role]))
    expect({ role, status: answer.status, code: problem.code }).toEqual({ role, status: 403, code: 'forbidden' })
  }
})

test.each(all)('$method $path refuses a query parameter that it does not have', async (operation) => {
  const key = operation.role === 'public' ? {} : { key: world.keys.operator }
  const { problem } = await refused(operation.method, `${fill(operation, world.own[nameIn(operation)])}?colour=red`, key)
  expect(problem).toMatchObject({ code: 'invalid_request', errors: [{ field: 'colour' }] })
})

test('no list shows a record of another workspace, whatever it filters by or goes on at', async () => {
  const { foreign, keys, own, plane } = world
  const agentCursor = encodeCursor('agents', foreign['agent_id'])
  const paths = [
    `/v1/tasks?agent_id=${foreign['agent_id']}`,
    `/v1/runs?agent_id=${foreign['agent_id']}`,
    `/v1/runs?task_id=${foreign['task_id']}`,
    `/v1/runs?cursor=${encodeCursor('runs', { task: foreign['task_id'], run: foreign['run_id'] })}&session_id=shared`,
    `/v1/tasks?cursor=${encodeCursor('tasks', { after: foreign['task_id'] })}`,
    `/v1/tasks/${own['task_id']}/logs?cursor=${encodeCursor('logs', { run: foreign['run_id'], attempt: 1, chunk: 0, seq: 0 })}`,
    `/v1/tasks/${own['task_id']}/events?log_cursor=${encodeCursor('logs', { run: foreign['run_id'], attempt: 1, chunk: 0, seq: 0 })}`,
    '/v1/tasks?session_id=shared',
    '/v1/tasks?label=shared',
    '/v1/runs?session_id=shared',
    '/v1/tasks',
    '/v1/runs',
    `/v1/agents?cursor=${agentCursor}`,
    '/v1/agents',
    '/v1/execution-instances',
    '/v1/api-keys',
  ]
  for (const path of paths) {
    const answer = await plane.call('GET', path, { key: keys.admin })
    expect(answer.status, path).toBe(200)
    for (const id of Object.values(foreign)) expect(answer.text.includes(id), `${path} shows ${id}`).toBe(false)
  }
  const listed = shaped(operations.listTasks.responses[200], await plane.call('GET', '/v1/tasks?session_id=shared', { key: keys.admin }))
  expect(listed.items.map((task) => task.id)).toEqual([own['task_id']])
})

test('a 405 says which methods there are', async () => {
  const { answer } = await refused('PUT', '/v1/agents', { key: world.keys.admin })
  expect(answer.headers['allow']?.toString().split(', ').toSorted()).toEqual(['GET', 'POST'])
})

test('a refused value is shown redacted and shortened, and the body is not echoed', async () => {
  const secret = 'sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789'
  const bodies = [{ raw: `{"message": "${secret}" oops` }, { body: { message: 'x', agent_id: secret } }, { body: { [secret]: 1 } }, { body: { message: 'x', agent_id: 'a', priority: `${secret} `.repeat(50) } }]
  for (const sent of bodies) expect((await refused('POST', '/v1/tasks', { key: world.keys.member, ...sent })).answer.text).not.toContain(secret.slice(0, 20))
  expect(JSON.stringify(world.plane.log_lines)).not.toContain(secret.slice(0, 20))
})
