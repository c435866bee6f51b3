import { beforeEach, expect, test } from 'vitest'
import { operations } from '../../shared/contract/operations.ts'
import { storeLogs } from '../../shared/flows/runner.ts'
import { UnavailableError } from '../../shared/ports/backoff.ts'
import { listPartitions, refs } from '../../shared/store/keys.ts'
import type { LogEntry } from '../../shared/domain/event.ts'
import { apiPlane, shaped, type ApiPlane, type Sent } from '../support/http.ts'
import { secretOf, type Sandbox } from '../support/plane.ts'

let plane: ApiPlane
let key: string
beforeEach(async () => {
  plane = apiPlane()
  key = await plane.makeKey(plane.workspace_id, 'admin')
})

const call = async (method: string, path: string, sent: Sent = {}) => plane.call(method, path, { key, ...sent })
const one = <T>(items: readonly T[]): T => {
  const [item] = items
  if (item === undefined || items.length !== 1) throw new Error(`${items.length} instead of 1`)
  return item
}
const answers = {
  agent: operations.getAgent.responses[200],
  agents: operations.listAgents.responses[200],
  accepted: operations.acceptAgentCommand.responses[202],
  task: operations.getTask.responses[200],
  tasks: operations.listTasks.responses[200],
  cancelled: operations.cancelTask.responses[200],
  run: operations.getRun.responses[200],
  runs: operations.listRuns.responses[200],
  attempts: operations.listRunAttempts.responses[200],
  events: operations.listRunEvents.responses[200],
  snapshots: operations.listRunSnapshots.responses[200],
  logs: operations.listTaskLogs.responses[200],
  batch: operations.streamTaskEvents.responses[200],
  key: operations.createApiKey.responses[201],
  keys: operations.listApiKeys.responses[200],
} as const

const makeAgent = async (body: object = {}) =>
  shaped(answers.agent, await call('POST', '/v1/agents', { body: { agent_key: 'worker', config: { runner: 'process', command: ['true'] }, ...body } }), 201)
const accept = async (agent_id: string, body: object = {}) => {
  plane.advance(1)
  return shaped(answers.accepted, await call('POST', '/v1/tasks', { body: { agent_id, message: 'hello', ...body } }), 202).task
}
const sandboxOf = (run_id: string | undefined): Sandbox => {
  const sandbox = plane.sandboxes.findLast((candidate) => candidate.run_id === run_id)
  if (sandbox === undefined) throw new Error(`no sandbox of ${run_id}`)
  return sandbox
}
const getTask = async (task_id: string) => shaped(answers.task, await call('GET', `/v1/tasks/${task_id}`))
/** Starts what is in line and claims the task's sandbox. */
const start = async (task_id: string): Promise<Sandbox> => {
  await plane.deliver()
  const sandbox = sandboxOf((await getTask(task_id)).target_run_id)
  await plane.claim(sandbox)
  return sandbox
}
const end = async (sandbox: Sandbox, word: Parameters<ApiPlane['finish']>[1] = {}) => {
  plane.advance(10)
  await plane.finish(sandbox, word)
  await plane.deliver()
}
const entries = (...data: readonly string[]): LogEntry[] =>
  data.map((text, n) => ({ seq: n + 1, timestamp: plane.deps.clock.now(), stream: 'agent', chunk_type: 'text', data: text }))
const write = async (sandbox: Sandbox, log: readonly LogEntry[]) =>
  storeLogs(plane.deps, { workspace_id: sandbox.workspace_id, run_id: sandbox.run_id, attempt_no: sandbox.attempt_no, secret: secretOf(sandbox) }, log)
const walk = async <T extends { items: readonly unknown[]; next_cursor?: string | undefined }>(page: (cursor: string) => Promise<T>): Promise<T['items'][number][]> => {
  const items: T['items'][number][] = []
  for (let cursor = ''; ; ) {
    const { items: found, next_cursor } = await page(cursor === '' ? '' : `&cursor=${cursor}`)
    items.push(...found)
    if (next_cursor === undefined) return items
    cursor = next_cursor
  }
}

test('health and the contract need no key, and every answer has a request id', async () => {
  const health = await plane.call('GET', '/v1/health')
  expect(shaped(operations.getHealth.responses[200], health)).toEqual({ status: 'ok' })
  expect(health.headers['x-request-id']).toMatch(/^request-\d+$/)
  const contract = await plane.call('GET', '/v1/openapi.json')
  expect(contract).toMatchObject({ status: 200, body: { openapi: '3.1.0', info: { version: '0.0.0' } } })
  expect(contract.headers['x-request-id']).not.toBe(health.headers['x-request-id'])
})

test('a table that does not answer makes health and every request 503, and a bug 500 without its words', async () => {
  plane.failReads(new Error('secret inner words'))
  expect(await plane.call('GET', '/v1/health')).toMatchObject({ status: 503, headers: { 'retry-after': '1' }, body: { code: 'unavailable' } })
  const broken = await call('GET', '/v1/agents')
  expect(broken).toMatchObject({ status: 500, body: { code: 'internal' }, headers: { 'content-type': 'application/problem+json' } })
  expect(broken.text).not.toContain('secret inner words')
  expect(plane.log_lines.filter((line) => line.level === 'error')).toMatchObject([{ code: 'request_failed', fields: { status: 500, operation: 'listAgents' } }])
  expect(plane.counts).toEqual(['request_failed'])
  plane.failReads(new UnavailableError('the table', { cause: new Error('throttled') }))
  expect(await call('GET', '/v1/agents')).toMatchObject({ status: 503, body: { code: 'unavailable' } })
})

test('an agent is created with defaults, listed, found by its key, changed key by key, and deleted', async () => {
  const defaults = shaped(operations.defaultAgentConfig.responses[200], await call('GET', '/v1/agents/defaults?agent_key=scribe'))
  expect(defaults).toMatchObject({ agent_key: 'scribe', config: { runner: 'claude_code', provider: 'claude', workspace_dir: '/workspace/agents/scribe', concurrency: 10 } })
  const agent = shaped(answers.agent, await call('POST', '/v1/agents', { body: { agent_key: 'scribe', config: { system_prompt: 'Be brief.', max_turns: 3 } } }), 201)
  expect(agent).toMatchObject({ name: 'scribe', active: true, config: { workspace_dir: '/workspace/agents/scribe', system_prompt: 'Be brief.', max_turns: 3, skills: [] } })
  expect(shaped(answers.agents, await call('GET', '/v1/agents')).items).toEqual([agent])
  expect(shaped(answers.agents, await call('GET', '/v1/agents?agent_key=scribe')).items).toEqual([agent])
  expect(shaped(answers.agents, await call('GET', '/v1/agents?agent_key=other')).items).toEqual([])
  const changed = shaped(answers.agent, await call('PATCH', `/v1/agents/${agent.id}`, { body: { name: 'Scribe', config: { concurrency: 3, max_turns: null } } }))
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
  expect(made.map((answer) => answer.status).toSorted()).toEqual([201, ...Array.from({ length: 19 }, () => 409)])
})

test('changes of one agent at once are all kept', async () => {
  const agent = await makeAgent()
  const changes = [{ config: { concurrency: 7 } }, { name: 'New' }, { config: { model: 'm' } }, { config: { skills: ['s'] } }]
  for (const answer of await Promise.all(changes.map(async (body) => call('PATCH', `/v1/agents/${agent.id}`, { body })))) expect(answer.status).toBe(200)
  expect(shaped(answers.agent, await call('GET', `/v1/agents/${agent.id}`))).toMatchObject({ name: 'New', config: { concurrency: 7, model: 'm', skills: ['s'] } })
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
  expect(await call('POST', '/v1/tasks', { body: { agent_id: agent.id, message: 'x' } })).toMatchObject({ status: 404, body: { code: 'not_found', errors: [{ field: 'agent_id' }] } })
})

test('a command is accepted once: 202, then 200 with the same task, and another body is flagged', async () => {
  const agent = await makeAgent()
  const body = { agent_id: agent.id, message: 'hello', idempotency_key: 'k', policy: { security: 'full' }, metadata: { a: 'b' }, routing: { to: 'x', channel: '' } }
  const first = shaped(answers.accepted, await call('POST', '/v1/tasks', { body }), 202)
  expect(first).toMatchObject({ idempotent_hit: false, task: { state: 'queued', idempotency_key: 'k', metadata: { a: 'b' }, routing: { to: 'x' }, payload: { message: 'hello', policy: { security: 'full', retry: { max_attempts: 2 } }, timeout_ms: 600_000 } } })
  const reordered = Object.fromEntries(Object.entries(body).toReversed())
  const again = shaped(answers.accepted, await call('POST', '/v1/tasks', { body: reordered }), 200)
  expect(again).toMatchObject({ idempotent_hit: true, task: { id: first.task.id } })
  expect(again.idempotency_mismatch).toBeUndefined()
  const other = shaped(answers.accepted, await call('POST', '/v1/tasks', { body: { ...body, message: 'other' } }), 200)
  expect(other).toMatchObject({ idempotent_hit: true, idempotency_mismatch: true, task: { id: first.task.id, payload: { message: 'hello' } } })
  expect(plane.counts).toEqual(['task_accepted', 'idempotent_hit', 'idempotent_hit'])
})

test('a body in base64 is read as one in plain text', async () => {
  const agent = await makeAgent()
  const answer = await call('POST', '/v1/tasks', { body: { agent_id: agent.id, message: 'grüße ✓' }, base64: true })
  expect(shaped(answers.accepted, answer, 202).task.payload.message).toBe('grüße ✓')
})

test('tasks are listed by every filter and combination, newest first, page by page', async () => {
  const [agent, other] = [await makeAgent(), await makeAgent({ agent_key: 'other' })]
  const made = []
  for (let n = 0; n < 12; n += 1)
    made.push(await accept(n % 2 === 0 ? agent.id : other.id, { session_id: `s${n % 3}`, label: `l${n % 4}`, ...(n < 3 ? { not_before: '2099-01-01T00:00:00Z' } : {}) }))
  for (const task of [made[4], made[5], made[6]]) await call('POST', `/v1/tasks/${task?.id}/cancel`)
  for (const task of [made[5], made[6]]) await call('POST', `/v1/tasks/${task?.id}/archive`)
  const all = await Promise.all(made.map(async ({ id }) => getTask(id)))
  const states = [undefined, 'sleeping', 'queued', 'cancelled', 'running']
  const filters = states.flatMap((state) =>
    [undefined, agent.id].flatMap((agent_id) =>
      [undefined, 's1'].flatMap((session_id) => [undefined, 'l2'].flatMap((label) => [false, true].map((archived) => ({ state, agent_id, session_id, label, archived })))),
    ),
  )
  for (const filter of filters) {
    const wanted = all
      .filter(
        (task) =>
          (filter.state ?? task.state) === task.state &&
          (filter.agent_id ?? task.agent_id) === task.agent_id &&
          (filter.session_id ?? task.session_id) === task.session_id &&
          (filter.label ?? task.label) === task.label &&
          filter.archived === (task.archived_at !== undefined),
      )
      .map((task) => task.id)
      .toReversed()
    const query = Object.entries(filter).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
    const found = await walk(async (cursor) => shaped(answers.tasks, await call('GET', `/v1/tasks?limit=2&${query.join('&')}${cursor}`)))
    expect(found.map((task) => task.id), query.join('&')).toEqual(wanted)
  }
})

test('a task goes through its life, and run, attempts, events, snapshots and interaction tell it', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id, { session_key: 'chat', policy: { retry: { max_attempts: 2 } } })
  const first = await start(task.id)
  expect(shaped(operations.getRunInteraction.responses[200], await call('GET', `/v1/runs/${first.run_id}/interaction`))).toMatchObject({ state: 'working', active_execution_id: first.execution_id, pending_count: 0 })
  await end(first, { outcome: 'error', error: { code: 'boom', message: 'it broke', retryable: true } })
  await end(await start(task.id), { result: 'fine' })
  const run = shaped(answers.run, await call('GET', `/v1/runs/${first.run_id}`))
  expect(run).toMatchObject({ status: 'ok', origin_task_id: task.id, session_key: 'chat', result: 'fine', attempt_no: 2, exec_security: 'allowlist', delivery: 'off', usage: { input_tokens: 20 } })
  expect(run.snapshot_ts).toBe(Date.parse(run.ended_at ?? ''))
  const { items } = shaped(answers.attempts, await call('GET', `/v1/runs/${run.id}/attempts`))
  expect(items).toMatchObject([
    { attempt_no: 1, status: 'error', strategy: 'primary', error: { code: 'boom' }, fencing_token: 1 },
    { attempt_no: 2, status: 'ok', strategy: 'retry', fencing_token: 2 },
  ])
  expect(await walk(async (cursor) => shaped(answers.attempts, await call('GET', `/v1/runs/${run.id}/attempts?limit=1${cursor}`)))).toEqual(items)
  const events = shaped(answers.events, await call('GET', `/v1/runs/${run.id}/events`)).items
  expect(events.map(({ seq, event_type, kind }) => [seq, event_type, kind])).toEqual([
    [1, 'accepted', 'lifecycle'],
    [2, 'started', 'lifecycle'],
    [3, 'retry_scheduled', 'lifecycle'],
    [4, 'started', 'lifecycle'],
    [5, 'finished', 'lifecycle'],
  ])
  expect(await walk(async (cursor) => shaped(answers.events, await call('GET', `/v1/runs/${run.id}/events?limit=1${cursor}`)))).toEqual(events)
  const snapshots = shaped(answers.snapshots, await call('GET', `/v1/runs/${run.id}/snapshots`)).items
  expect(snapshots.map(({ seq, status }) => [seq, status])).toEqual([[1, 'accepted'], [2, 'running'], [3, 'accepted'], [4, 'running'], [5, 'ok']])
  expect(snapshots.at(-1)).toMatchObject({ ts: run.snapshot_ts, ended_at_ms: run.snapshot_ts })
  expect(await walk(async (cursor) => shaped(answers.snapshots, await call('GET', `/v1/runs/${run.id}/snapshots?limit=2${cursor}`)))).toEqual(snapshots)
  expect(shaped(operations.getRunInteraction.responses[200], await call('GET', `/v1/runs/${run.id}/interaction`))).toMatchObject({ state: 'closed' })
  expect(await getTask(task.id)).toMatchObject({ state: 'done', target_run_id: run.id, usage: { input_tokens: 20 } })
})

test('an answer about an attempt never holds its claim token or the hash of its attempt token', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  await plane.deliver()
  const run_id = (await getTask(task.id)).target_run_id ?? ''
  const sandbox = sandboxOf(run_id)
  const texts = async () => Promise.all(['', '/attempts', '/events', '/snapshots', '/interaction'].map(async (tail) => (await call('GET', `/v1/runs/${run_id}${tail}`)).text))
  expect((await texts()).join()).not.toContain(sandbox.claim_token)
  await plane.claim(sandbox)
  const { attempt } = await plane.run(run_id)
  expect('token_hash' in attempt && attempt.token_hash).toBeTruthy()
  expect((await texts()).join()).not.toContain('token_hash' in attempt ? attempt.token_hash : '')
})

test('cancel says what was live, works twice, and archive and retry follow the states', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  expect(await call('POST', `/v1/tasks/${task.id}/archive`)).toMatchObject({ status: 409, body: { code: 'illegal_state', errors: [{ field: 'state', value: 'queued' }] } })
  expect(await call('POST', `/v1/tasks/${task.id}/retry`, { body: {} })).toMatchObject({ status: 409, body: { code: 'illegal_state' } })
  const sandbox = await start(task.id)
  const cancelled = shaped(answers.cancelled, await call('POST', `/v1/tasks/${task.id}/cancel`))
  expect(cancelled).toMatchObject({ task: { state: 'running' }, live: { run_id: sandbox.run_id, attempt_no: 1, status: 'running' } })
  expect(shaped(answers.attempts, await call('GET', `/v1/runs/${sandbox.run_id}/attempts`)).items).toMatchObject([{ status: 'stopping', stop_reason: 'cancel' }])
  const again = shaped(operations.cancelRun.responses[200], await call('POST', `/v1/runs/${sandbox.run_id}/cancel`))
  expect(again).toMatchObject({ run: { status: 'running' }, live: { status: 'stopping' } })
  await end(sandbox, { outcome: 'cancelled' })
  expect(shaped(answers.cancelled, await call('POST', `/v1/tasks/${task.id}/cancel`))).toMatchObject({ task: { state: 'cancelled' } })
  const archived = shaped(answers.task, await call('POST', `/v1/tasks/${task.id}/archive`))
  expect(archived.archived_at).toBeDefined()
  expect(shaped(answers.task, await call('POST', `/v1/tasks/${task.id}/archive`)).archived_at).toBe(archived.archived_at)
  const retried = shaped(answers.task, await call('POST', `/v1/tasks/${task.id}/retry`))
  expect(retried.state).toBe('queued')
  expect(retried.archived_at).toBeUndefined()
  const second = await start(task.id)
  expect(shaped(answers.run, await call('GET', `/v1/runs/${second.run_id}`))).toMatchObject({ previous_run_id: sandbox.run_id })
})

test('runs are listed by status, agent, session and task, and in any combination', async () => {
  const [agent, other] = [await makeAgent(), await makeAgent({ agent_key: 'other' })]
  const made: string[] = []
  for (let n = 0; n < 6; n += 1) {
    const task = await accept(n % 2 === 0 ? agent.id : other.id, { session_id: `s${n % 3}` })
    const sandbox = await start(task.id)
    made.push(sandbox.run_id)
    if (n < 5) await end(sandbox, n === 1 ? { outcome: 'error', error: { code: 'x', message: 'x', retryable: false } } : {})
    if (n === 0) await call('POST', `/v1/tasks/${task.id}/archive`)
    if (n !== 2) continue
    await call('POST', `/v1/tasks/${task.id}/retry`)
    const second = await start(task.id)
    made.push(second.run_id)
    await end(second)
  }
  const all = await Promise.all(made.map(async (run_id) => shaped(answers.run, await call('GET', `/v1/runs/${run_id}`))))
  const restarted = all[3]?.origin_task_id
  for (const status of [undefined, 'ok', 'error', 'running', 'accepted'])
    for (const agent_id of [undefined, agent.id])
      for (const session_id of [undefined, 's2'])
        for (const task_id of [undefined, restarted]) {
          const filter = { status, agent_id, session_id, task_id }
          const wanted = all.filter(
            (run) =>
              (status ?? run.status) === run.status && (agent_id ?? run.agent_id) === run.agent_id && (session_id ?? run.session_id) === run.session_id && (task_id ?? run.origin_task_id) === run.origin_task_id,
          )
          const query = Object.entries(filter).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])).join('&')
          const found = await walk(async (cursor) => shaped(answers.runs, await call('GET', `/v1/runs?limit=1&${query}${cursor}`)))
          expect(found.map((run) => run.id), query).toEqual(wanted.map((run) => run.id).toReversed())
        }
})

test("logs are those of the task's session in the order in which its attempts held it, beginning with each prompt", async () => {
  const agent = await makeAgent()
  const first = await accept(agent.id, { message: 'one', session_id: 's', policy: { retry: { max_attempts: 2 } } })
  const attempt_1 = await start(first.id)
  await write(attempt_1, entries('a1', 'a2'))
  await end(attempt_1, { outcome: 'error', error: { code: 'x', message: 'x', retryable: true } })
  const attempt_2 = await start(first.id)
  await write(attempt_2, entries('b1'))
  await end(attempt_2)
  const second = await accept(agent.id, { message: 'two', session_id: 's' })
  const other = await accept(agent.id, { message: 'elsewhere' })
  const attempt_3 = await start(second.id)
  await write(attempt_3, entries('c1', 'c2'))
  const wanted = ['one', 'a1', 'a2', 'b1', 'two', 'c1', 'c2']
  const logs = async (query: string) => shaped(answers.logs, await call('GET', `/v1/tasks/${first.id}/logs?${query}`))
  const page = await logs('cursor=0')
  expect(page.items.map((item) => item.data)).toEqual(wanted)
  expect(page.items.map((item) => item.chunk_type)).toEqual(['prompt', 'text', 'text', 'text', 'prompt', 'text', 'text'])
  expect(page.items.map((item) => item.seq)).toEqual([0, 1, 2, 1, 0, 1, 2])
  expect(page.next_cursor).toBeUndefined()
  for (const limit of [1, 2, 3, 4]) expect((await walk(async (cursor) => logs(`limit=${limit}${cursor}`))).map((item) => item.data)).toEqual(wanted)
  expect((await logs(`cursor=${page.resume_cursor}`)).items).toEqual([])
  await write(attempt_3, [{ ...entries('c3')[0], seq: 3, timestamp: 1, stream: 'agent', chunk_type: 'text', data: 'c3' }])
  expect((await logs(`cursor=${page.resume_cursor}`)).items.map((item) => item.data)).toEqual(['c3'])
  await end(attempt_3)
  expect((await logs('')).items.map((item) => item.data)).toEqual([...wanted, 'c3'])
  expect(shaped(answers.logs, await call('GET', `/v1/tasks/${other.id}/logs`)).items.map((item) => item.data)).toEqual(['elsewhere'])
})

test('a log cursor of another session starts at the beginning', async () => {
  const agent = await makeAgent()
  const [task, other] = [await accept(agent.id, { message: 'mine' }), await accept(agent.id, { message: 'other' })]
  await start(task.id)
  const theirs = shaped(answers.logs, await call('GET', `/v1/tasks/${other.id}/logs`)).resume_cursor
  expect(theirs).not.toBe('0')
  expect(shaped(answers.logs, await call('GET', `/v1/tasks/${task.id}/logs?cursor=${theirs}`)).items.map((item) => item.data)).toEqual(['mine'])
})

test('log entries behind a gap are held back until it closes, or is old', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  const sandbox = await start(task.id)
  const [one_, two, three] = entries('1', '2', '3')
  if (one_ === undefined || two === undefined || three === undefined) throw new Error('no entries')
  const seen = async () => shaped(answers.logs, await call('GET', `/v1/tasks/${task.id}/logs`)).items.map((item) => item.data)
  await write(sandbox, [one_])
  await write(sandbox, [three])
  expect(await seen()).toEqual(['hello', '1'])
  plane.advance(20_000)
  expect(await seen()).toEqual(['hello', '1', '3'])
  await write(sandbox, [two])
  expect(await seen()).toEqual(['hello', '1', '2', '3'])
})

test('batches by cursors bring what is new, and start again where the run changes', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  const batch = async (query = '') => shaped(answers.batch, await call('GET', `/v1/tasks/${task.id}/events?${query}`))
  expect(await batch()).toMatchObject({ task: { state: 'queued' }, logs: [], run_events: [], pending_inputs: [], next_log_cursor: '0', next_run_event_cursor: '0' })
  const sandbox = await start(task.id)
  await write(sandbox, entries('x', 'y'))
  const first = await batch()
  expect(first).toMatchObject({ run_id: sandbox.run_id, run: { status: 'running' }, interaction: { state: 'working' } })
  expect(first.logs.map((item) => item.data)).toEqual(['hello', 'x', 'y'])
  expect(first.run_events.map((event) => event.event_type)).toEqual(['accepted', 'started'])
  const cursors = `log_cursor=${first.next_log_cursor}&run_event_cursor=${first.next_run_event_cursor}`
  expect(await batch(`${cursors}&cursor_run_id=${first.run_id}`)).toMatchObject({ logs: [], run_events: [] })
  await end(sandbox)
  expect((await batch(`${cursors}&cursor_run_id=${first.run_id}`)).run_events.map((event) => event.event_type)).toEqual(['finished'])
  await call('POST', `/v1/tasks/${task.id}/retry`)
  const second = await start(task.id)
  for (const query of [`${cursors}&cursor_run_id=${first.run_id}`, '', `log_cursor=${first.next_log_cursor}&run_event_cursor=3`]) {
    const restarted = await batch(query)
    expect(restarted.run_id).toBe(second.run_id)
    expect(restarted.logs.map((item) => item.data)).toEqual(['hello'])
    expect(restarted.run_events.map((event) => event.seq)).toEqual([1, 2])
  }
})

test('execution instances show their counters, health and line', async () => {
  const agent = await makeAgent({ config: { runner: 'process', command: ['true'], concurrency: 1 } })
  const tasks = [await accept(agent.id), await accept(agent.id), await accept(agent.id)]
  await plane.deliver()
  const instance = one(shaped(operations.listExecutionInstances.responses[200], await call('GET', '/v1/execution-instances')).items)
  expect(instance).toMatchObject({ agent_id: agent.id, status: 'healthy', pending_attempts: 1, running_attempts: 0, waiting_tasks: 2, waiting_tasks_more: false, desired_dispatch_concurrency: 1, instance_key: tasks[0]?.execution_class_key })
  expect(shaped(operations.getExecutionInstance.responses[200], await call('GET', `/v1/execution-instances/${instance.instance_key}`))).toEqual(instance)
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
  const both = await Promise.all([call('DELETE', `/v1/api-keys/${own}`, { key: second.key }), call('DELETE', `/v1/api-keys/${second.api_key.id}`, { key: second.key })])
  expect(both.map((answer) => answer.status).toSorted()).toEqual([200, 409])
  const left = await plane.deps.store.range({ index: 'by_state', pk: listPartitions.apiKeys(plane.workspace_id), limit: 100 })
  expect(left.records.filter((record) => record.kind === 'api_key' && record.role === 'admin' && record.revoked_at === undefined)).toHaveLength(1)
})

test('secrets in a config or a command are in no answer, and are not lost by reading and writing back', async () => {
  const secret = 'sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789'
  const agent = await makeAgent({ config: { runner: 'process', command: ['curl', '-H', `x-key: ${secret}`], system_prompt: `use ${secret}` } })
  const attachments = [{ name: 'a.txt', content: secret }]
  const body = { message: `the key is ${secret}`, extra_system_prompt: secret, label: secret, lane: secret, metadata: { [secret]: secret, password: 'hunter2hunter2' }, routing: { to: secret }, input_provenance: { source: secret }, spawned_by: secret, hook_id: secret, session_key: secret, attachments }
  const task = await accept(agent.id, body)
  const sandbox = await start(task.id)
  const paths = ['/v1/agents', `/v1/agents/${agent.id}`, '/v1/tasks', `/v1/tasks/${task.id}`, `/v1/tasks/${task.id}/logs`, `/v1/tasks/${task.id}/events`, '/v1/runs', `/v1/runs/${sandbox.run_id}`, `/v1/runs/${sandbox.run_id}/attempts`, '/v1/execution-instances']
  for (const path of paths) {
    const answer = await call('GET', path)
    expect(answer.status, path).toBe(200)
    expect(answer.text, path).not.toContain(secret.slice(0, 20))
    expect(answer.text, path).not.toContain('hunter2hunter2')
  }
  expect(agent.config.system_prompt).toBe('use [redacted]')
  expect(await call('PATCH', `/v1/agents/${agent.id}`, { body: { config: { system_prompt: agent.config.system_prompt } } })).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ field: 'config.system_prompt' }] } })
  expect((await plane.deps.store.get(refs.agent(plane.workspace_id, agent.id)))?.config.system_prompt).toBe(`use ${secret}`)
  expect(JSON.stringify(plane.log_lines)).not.toContain(secret.slice(0, 20))
  expect(JSON.stringify(plane.log_lines)).not.toContain(key)
})

test('long texts are cut in lists and said to be, and attachments are named with their size only', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id, { message: 'm'.repeat(5_000), attachments: [{ name: 'a.bin', content: Buffer.from('12345').toString('base64'), encoding: 'base64' }] })
  expect(task.payload).toMatchObject({ truncated: [], attachments: [{ name: 'a.bin', size_bytes: 5 }] })
  const listed = one(shaped(answers.tasks, await call('GET', '/v1/tasks')).items)
  expect(listed.payload).toMatchObject({ truncated: ['message'], message: 'm'.repeat(2_000) })
})

test('a command that is too large for the table is shown by its head', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id, { message: 'm'.repeat(400_000), attachments: [{ name: 'a.txt', content: 'abc' }] })
  expect(await getTask(task.id)).toMatchObject({ payload: { truncated: ['message'], message: 'm'.repeat(1_000), attachments: [{ name: 'a.txt' }] } })
})

test('requests served at once keep their own ids in answers and log lines', async () => {
  const agent = await makeAgent()
  const many = await Promise.all(Array.from({ length: 30 }, async (_, n) => (n % 2 === 0 ? call('GET', `/v1/agents/${agent.id}`) : plane.call('GET', '/v1/nowhere'))))
  const ids = many.map((answer) => answer.headers['x-request-id'])
  expect(new Set(ids).size).toBe(30)
  for (const [n, request_id] of ids.entries())
    expect(plane.log_lines.filter((line) => line.fields?.['request_id'] === request_id)).toMatchObject([{ code: 'request_handled', fields: { status: n % 2 === 0 ? 200 : 404 } }])
})
