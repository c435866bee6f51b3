/** Bad requests: each gets the right status, code and field, and changes nothing. */
import { beforeAll, expect, test } from 'vitest'
import type { Operation } from '../../shared/contract/operation.ts'
import { operations } from '../../shared/contract/operations.ts'
import { Problem } from '../../shared/contract/common.ts'
import { problems } from '../../shared/domain/result.ts'
import { roles } from '../../shared/domain/workspace.ts'
import { encodeCursor } from '../../shared/lists/cursor.ts'
import { bad_requests } from '../support/bad-requests.ts'
import { shaped, type Answered, type Sent } from '../support/http.ts'
import { least_bodies, twoWorkspaces, unknown_ids, type World } from '../support/two-workspaces.ts'

let world: World
beforeAll(async () => {
  world = await twoWorkspaces()
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

test.each(bad_requests)('$name is $code', async ({ method, path, sent, as = 'admin', code, field }) => {
  const given = typeof sent === 'function' ? sent(world) : (sent ?? {})
  const { answer, problem } = await refused(method, typeof path === 'function' ? path(world) : path, {
    ...(as === 'nobody' ? {} : { key: world.keys[as] }),
    ...given,
  })
  expect({ status: answer.status, code: problem.code }, problem.detail).toEqual({ status: problems[code].status, code })
  if (field !== undefined) expect(problem.errors?.map((error) => error.field)).toContain(field)
  if (code === 'unauthenticated') expect(answer.headers['www-authenticate']).toBe('Bearer')
})

test('the table is long enough', () => {
  expect(bad_requests.length).toBeGreaterThanOrEqual(40)
})

const all: readonly Operation[] = Object.values(operations)
const nameIn = (operation: Operation): string => /\{([a-z_]+)\}/.exec(operation.path)?.[1] ?? ''
const with_id = all.filter((operation) => nameIn(operation) !== '')
const fill = (operation: Operation, id: string | undefined): string => operation.path.replace(/\{[a-z_]+\}/, id ?? '')
const sentTo = (operation: Operation, key: string): Sent => ({ key, ...(operation.body === undefined ? {} : { body: least_bodies[operation.id] ?? {} }) })

/** What an operator alone may do, it may do in every workspace. */
const of_one_workspace = with_id.filter((operation) => operation.role !== 'operator')

test.each(of_one_workspace)("$method $path of another workspace's record, or of none, is a 404 that tells nothing", async (operation) => {
  const name = nameIn(operation)
  const foreign = await refused(operation.method, fill(operation, world.foreign[name]), sentTo(operation, world.keys.admin))
  const nothing = await refused(operation.method, fill(operation, unknown_ids[name]), sentTo(operation, world.keys.admin))
  expect(foreign.answer.status).toBe(404)
  expect(foreign.problem.code).toBe('not_found')
  const same = (problem: Problem, id: string | undefined) => ({ ...problem, request_id: '', detail: problem.detail.replace(id ?? '', '') })
  expect(same(foreign.problem, world.foreign[name])).toEqual(same(nothing.problem, unknown_ids[name]))
})

test.each(with_id)('$method $path with something that is no id names it', async (operation) => {
  const { answer, problem } = await refused(operation.method, fill(operation, 'nonsense'), sentTo(operation, world.keys.operator))
  expect(answer.status).toBe(400)
  expect(problem).toMatchObject({ code: 'invalid_request', errors: [{ field: nameIn(operation), value: 'nonsense' }] })
})

test.each(all.filter((operation) => operation.role !== 'public'))('$method $path needs a key, and the role $role', async (operation) => {
  const path = fill(operation, world.own[nameIn(operation)])
  expect((await refused(operation.method, path, {})).problem.code).toBe('unauthenticated')
  expect((await refused(operation.method, path, { key: world.keys.revoked })).problem.code).toBe('unauthenticated')
  for (const role of roles.slice(
    0,
    roles.findIndex((role) => role === operation.role),
  )) {
    const { answer, problem } = await refused(operation.method, path, sentTo(operation, world.keys[role]))
    expect({ role, status: answer.status, code: problem.code }).toEqual({ role, status: 403, code: 'forbidden' })
  }
})

test.each(all)('$method $path refuses a query parameter that it does not have', async (operation) => {
  const key = operation.role === 'public' ? {} : { key: world.keys.operator }
  const { problem } = await refused(operation.method, `${fill(operation, world.own[nameIn(operation)])}?colour=red`, key)
  expect(problem.code).toBe('invalid_request')
  expect(problem.errors?.at(-1)).toMatchObject({ field: 'colour' })
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
    '/v1/schedules',
    `/v1/schedules?agent_id=${foreign['agent_id']}`,
    `/v1/schedules?cursor=${encodeCursor('schedules', foreign['schedule_id'])}`,
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
  const bodies = [
    { raw: `{"message": "${secret}" oops` },
    { body: { message: 'x', agent_id: secret } },
    { body: { [secret]: 1 } },
    { body: { message: 'x', agent_id: 'a', priority: `${secret} `.repeat(50) } },
  ]
  for (const sent of bodies) expect((await refused('POST', '/v1/tasks', { key: world.keys.member, ...sent })).answer.text).not.toContain(secret.slice(0, 20))
  expect(JSON.stringify(world.plane.log_lines)).not.toContain(secret.slice(0, 20))
})
