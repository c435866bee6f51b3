import { beforeEach, expect, test } from 'vitest'
import { operations } from '../../shared/contract/operations.ts'
import { listPartitions, refs } from '../../shared/store/keys.ts'
import { accept, answers, call, end, freshPlane, getTask, makeAgent, one, start } from '../support/api-steps.ts'
import { shaped, type ApiPlane } from '../support/http.ts'

let plane: ApiPlane
let key: string
beforeEach(async () => {
  ;({ plane, key } = await freshPlane())
})

test('an agent is created with defaults, listed, found by its key, changed key by key, and deleted', async () => {
  const defaults = shaped(operations.defaultAgentConfig.responses[200], await call('GET', '/v1/agents/defaults?agent_key=scribe'))
  expect(defaults).toMatchObject({
    agent_key: 'scribe',
    config: { runner: 'claude_code', provider: 'claude', workspace_dir: '/workspace/agents/scribe', concurrency: 10 },
  })
  const agent = shaped(
    answers.agent,
    await call('POST', '/v1/agents', { body: { agent_key: 'scribe', config: { system_prompt: 'Be brief.', max_turns: 3 } } }),
    201,
  )
  expect(agent).toMatchObject({
    name: 'scribe',
    active: true,
    config: { workspace_dir: '/workspace/agents/scribe', system_prompt: 'Be brief.', max_turns: 3, skills: [] },
  })
  expect(shaped(answers.agents, await call('GET', '/v1/agents')).items).toEqual([agent])
  expect(shaped(answers.agents, await call('GET', '/v1/agents?agent_key=scribe')).items).toEqual([agent])
  expect(shaped(answers.agents, await call('GET', '/v1/agents?agent_key=other')).items).toEqual([])
  const changed = shaped(
    answers.agent,
    await call('PATCH', `/v1/agents/${agent.id}`, { body: { name: 'Scribe', config: { concurrency: 3, max_turns: null } } }),
  )
  expect(changed).toMatchObject({ name: 'Scribe', config: { system_prompt: 'Be brief.', concurrency: 3 } })
  expect(changed.config.max_turns).toBeUndefined()
  expect(shaped(answers.agent, await call('GET', `/v1/agents/${agent.id}`))).toEqual(changed)
  expect(shaped(answers.agent, await call('DELETE', `/v1/agents/${agent.id}`)).deleted_at).toBeDefined()
  for (const method of ['GET', 'DELETE']) expect(await call(method, `/v1/agents/${agent.id}`)).toMatchObject({ status: 404, body: { code: 'not_found' } })
  expect(await call('PATCH', `/v1/agents/${agent.id}`, { body: { name: 'x' } })).toMatchObject({ status: 404 })
  expect(shaped(answers.agents, await call('GET', '/v1/agents')).items).toEqual([])
  expect((await makeAgent({ agent_key: 'scribe' })).id).not.toBe(agent.id)
})

test('of many that want an agent key at once, one gets it', async () => {
  const made = await Promise.all(Array.from({ length: 20 }, async () => call('POST', '/v1/agents', { body: { agent_key: 'only' } })))
  expect(made.filter((answer) => answer.status === 201)).toHaveLength(1)
  expect(made.filter((answer) => answer.status === 409)).toHaveLength(19)
})

test('changes of one agent at once are all kept', async () => {
  const agent = await makeAgent()
  const changes = [{ config: { concurrency: 7 } }, { name: 'New' }, { config: { model: 'm' } }, { config: { skills: ['s'] } }]
  for (const answer of await Promise.all(changes.map(async (body) => call('PATCH', `/v1/agents/${agent.id}`, { body })))) expect(answer.status).toBe(200)
  expect(shaped(answers.agent, await call('GET', `/v1/agents/${agent.id}`))).toMatchObject({
    name: 'New',
    config: { concurrency: 7, model: 'm', skills: ['s'] },
  })
})

test('an agent with work is deleted only with its work cancelled, and its past tasks stay', async () => {
  const agent = await makeAgent()
  const done = await accept(agent.id)
  await end(await start(done.id))
  const queued = await accept(agent.id)
  expect(await call('DELETE', `/v1/agents/${agent.id}`)).toMatchObject({ status: 409, body: { code: 'agent_busy' } })
  expect(shaped(answers.agent, await call('DELETE', `/v1/agents/${agent.id}?cancel=true`))).toMatchObject({ active: false })
  expect(await getTask(queued.id)).toMatchObject({ state: 'cancelled' })
  expect(await getTask(done.id)).toMatchObject({ state: 'done', agent_id: agent.id })
  expect(shaped(answers.runs, await call('GET', `/v1/runs?task_id=${done.id}`)).items).toHaveLength(1)
  expect(await call('POST', '/v1/tasks', { body: { agent_id: agent.id, message: 'x' } })).toMatchObject({
    status: 404,
    body: { code: 'not_found', errors: [{ field: 'agent_id' }] },
  })
})

test('an operator makes a workspace and its first key; the key is shown once and opens nothing else', async () => {
  const operator = await plane.makeKey(plane.workspace_id, 'operator')
  const workspace = shaped(operations.createWorkspace.responses[201], await call('POST', '/v1/workspaces', { key: operator, body: { name: 'Two' } }), 201)
  expect(shaped(operations.listWorkspaces.responses[200], await call('GET', '/v1/workspaces', { key: operator })).items).toEqual([workspace])
  const headers = { 'x-lanekeeper-workspace': workspace.id }
  const made = shaped(answers.key, await call('POST', '/v1/api-keys', { key: operator, headers, body: { name: 'first', role: 'admin' } }), 201)
  expect(made).toMatchObject({ api_key: { workspace_id: workspace.id, role: 'admin', hint: made.key.slice(0, 9) } })
  await makeAgent()
  expect(shaped(answers.agents, await call('GET', '/v1/agents', { key: made.key })).items).toEqual([])
  const listed = await call('GET', '/v1/api-keys', { key: made.key })
  expect(shaped(answers.keys, listed).items).toEqual([made.api_key])
  expect(listed.text).not.toContain(made.key)
  expect(JSON.stringify(plane.writes)).not.toContain(made.key)
})

test('a revoked key stops at once, revoking twice is fine, and nobody locks a workspace out', async () => {
  const member = shaped(answers.key, await call('POST', '/v1/api-keys', { body: { name: 'm', role: 'member' } }), 201)
  expect((await call('GET', '/v1/agents', { key: member.key })).status).toBe(200)
  const revoked = await call('DELETE', `/v1/api-keys/${member.api_key.id}`)
  expect(shaped(operations.revokeApiKey.responses[200], revoked).revoked_at).toBeDefined()
  expect((await call('DELETE', `/v1/api-keys/${member.api_key.id}`)).body).toEqual(revoked.body)
  expect(await call('GET', '/v1/agents', { key: member.key })).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
  const admins = shaped(answers.keys, await call('GET', '/v1/api-keys')).items.filter((item) => item.role === 'admin')
  const own = one(admins).id
  expect(await call('DELETE', `/v1/api-keys/${own}`)).toMatchObject({ status: 409, body: { code: 'last_key' } })
  const second = shaped(answers.key, await call('POST', '/v1/api-keys', { body: { name: 'a', role: 'admin' } }), 201)
  const both = await Promise.all([
    call('DELETE', `/v1/api-keys/${own}`, { key: second.key }),
    call('DELETE', `/v1/api-keys/${second.api_key.id}`, { key: second.key }),
  ])
  expect(both.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([200, 409])
  const left = await plane.deps.store.range({ index: 'by_state', pk: listPartitions.apiKeys(plane.workspace_id), limit: 100 })
  expect(left.records.filter((record) => record.kind === 'api_key' && record.role === 'admin' && record.revoked_at === undefined)).toHaveLength(1)
})

test('secrets in a config or a command are in no answer, and are not lost by reading and writing back', async () => {
  const secret = 'sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789'
  const agent = await makeAgent({ config: { runner: 'process', command: ['curl', '-H', `x-key: ${secret}`], system_prompt: `use ${secret}` } })
  const attachments = [{ name: 'a.txt', content: secret }]
  const body = {
    message: `the key is ${secret}`,
    extra_system_prompt: secret,
    label: secret,
    lane: secret,
    metadata: { [secret]: secret, password: 'hunter2hunter2' },
    routing: { to: secret },
    input_provenance: { source: secret },
    spawned_by: secret,
    hook_id: secret,
    session_key: secret,
    attachments,
  }
  const task = await accept(agent.id, body)
  const sandbox = await start(task.id)
  const paths = [
    '/v1/agents',
    `/v1/agents/${agent.id}`,
    '/v1/tasks',
    `/v1/tasks/${task.id}`,
    `/v1/tasks/${task.id}/logs`,
    `/v1/tasks/${task.id}/events`,
    '/v1/runs',
    `/v1/runs/${sandbox.run_id}`,
    `/v1/runs/${sandbox.run_id}/attempts`,
    '/v1/execution-instances',
  ]
  for (const path of paths) {
    const answer = await call('GET', path)
    expect(answer.status, path).toBe(200)
    expect(answer.text, path).not.toContain(secret.slice(0, 20))
    expect(answer.text, path).not.toContain('hunter2hunter2')
  }
  expect(agent.config.system_prompt).toBe('use [redacted]')
  expect(await call('PATCH', `/v1/agents/${agent.id}`, { body: { config: { system_prompt: agent.config.system_prompt } } })).toMatchObject({
    status: 400,
    body: { code: 'invalid_request', errors: [{ field: 'config.system_prompt' }] },
  })
  expect((await plane.deps.store.get(refs.agent(plane.workspace_id, agent.id)))?.config.system_prompt).toBe(`use ${secret}`)
  expect(JSON.stringify(plane.log_lines)).not.toContain(secret.slice(0, 20))
  expect(JSON.stringify(plane.log_lines)).not.toContain(key)
})
