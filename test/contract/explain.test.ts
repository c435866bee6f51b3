/** What explain says in situations that are made on purpose: each time the one constraint that really holds the task. */
import { beforeEach, expect, test } from 'vitest'
import { operations } from '../../shared/contract/operations.ts'
import { refs } from '../../shared/store/keys.ts'
import { accept, call, end, freshPlane, makeAgent, start } from '../support/api-steps.ts'
import { shaped, type ApiPlane } from '../support/http.ts'
import { boom } from '../support/looks.ts'

let plane: ApiPlane
beforeEach(async () => {
  ;({ plane } = await freshPlane())
})

const explain = async (task: { readonly id: string }) => shaped(operations.explainTask.responses[200], await call('GET', `/v1/tasks/${task.id}/explain`))
const narrow = async (change: object = {}) => makeAgent({ config: { runner: 'process', command: ['true'], concurrency: 1, ...change } })
const once = { policy: { retry: { max_attempts: 1 } } }

test('the limit of its class, with counts and its place in line', async () => {
  const agent = await narrow()
  const [first, second, third] = [await accept(agent.id), await accept(agent.id), await accept(agent.id, { priority: 'urgent' })]
  await start(third.id)
  expect(await explain(first)).toMatchObject({
    constraint: { code: 'class_limit', limit: 1, pending: 0, running: 1, stopping: 0, set_by: 'agent' },
    place: { line: 'class', position: 1, of: 2, more: false },
  })
  expect(await explain(second)).toMatchObject({ place: { position: 2, of: 2 } })
})

test('a limit of 0 that an operator has set', async () => {
  const agent = await narrow()
  const task = await accept(agent.id)
  await end(await start(task.id))
  await call('PATCH', `/v1/execution-instances/${task.execution_class_key}`, { body: { desired_dispatch_concurrency: 0 } })
  const next = await accept(agent.id)
  await plane.deliver()
  expect(await explain(next)).toMatchObject({ constraint: { code: 'class_limit', limit: 0, set_by: 'operator' }, frees: 'a limit above 0' })
})

test('a lane, whose limit is 1', async () => {
  const agent = await makeAgent()
  await start((await accept(agent.id, { lane: 'deploys' })).id)
  const next = await accept(agent.id, { lane: 'deploys' })
  await plane.deliver()
  expect(await explain(next)).toMatchObject({ constraint: { code: 'class_limit', limit: 1, set_by: 'lane' } })
})

test('its session, and which run holds it; then that it is free', async () => {
  const agent = await makeAgent()
  const sandbox = await start((await accept(agent.id, { session_id: 's' })).id)
  const next = await accept(agent.id, { session_id: 's' })
  expect(await explain(next)).toMatchObject({ constraint: { code: 'session_held', run_id: sandbox.run_id }, place: { line: 'class' } })
  await plane.deliver()
  expect(await explain(next)).toMatchObject({
    constraint: { code: 'session_held', session_id: 's', run_id: sandbox.run_id, attempt_id: sandbox.attempt_id },
    place: { line: 'session', position: 1, of: 1 },
  })
  await plane.finish(sandbox)
  expect(await explain(next)).toMatchObject({ constraint: { code: 'session_freed', looked_at_by: expect.any(String) } })
})

test('a degraded class, until when, and that it is probed', async () => {
  const agent = await makeAgent()
  for (let n = 0; n < 5; n += 1) await end(await start((await accept(agent.id, once)).id), { outcome: 'error', error: boom })
  const [probe, next] = [await accept(agent.id, once), await accept(agent.id, once)]
  await plane.deliver()
  expect(await explain(next)).toMatchObject({
    constraint: { code: 'class_degraded', failed_attempts: 5, failed_attempt_threshold: 5, probe_after: expect.any(String), probing: false },
  })
  plane.advance(61_000)
  plane.signals.push({ kind: 'class', workspace_id: plane.workspace_id, class_key: probe.execution_class_key })
  await start(probe.id)
  expect(await explain(next)).toMatchObject({ constraint: { code: 'class_degraded', probing: true } })
})

test('an agent that is not active, and one that is deleted', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  await call('PATCH', `/v1/agents/${agent.id}`, { body: { active: false } })
  await plane.deliver()
  expect(await explain(task)).toMatchObject({ constraint: { code: 'agent_inactive', agent_id: agent.id }, frees: `activating ${agent.id}` })
  const stored = await plane.deps.store.get(refs.agent(plane.workspace_id, agent.id))
  if (stored === undefined) throw new Error('no agent')
  await plane.deps.store.commit([{ op: 'replace_if_version', record: { ...stored, deleted_at: stored.updated_at } }])
  expect(await explain(task)).toMatchObject({ constraint: { code: 'agent_deleted' } })
})

test('nothing but the look at its class', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  expect(await explain(task)).toMatchObject({ constraint: { code: 'about_to_start', looked_at_by: expect.any(String) }, place: { position: 1, of: 1 } })
})

test('a time that has not come', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id, { not_before: '2026-11-22T12:00:00Z' })
  const explained = await explain(task)
  expect(explained).toMatchObject({ constraint: { code: 'not_before', until: '2026-11-22T12:00:00.000Z' } })
  expect(explained.place).toBeUndefined()
})

test('the pause before a retry, and why it is retried', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id, { policy: { retry: { max_attempts: 2, delay_ms: 30_000 } } })
  await end(await start(task.id), { outcome: 'error', error: boom })
  expect(await explain(task)).toMatchObject({
    state: 'sleeping',
    constraint: { code: 'retry_backoff', attempt_no: 1, outcome: 'error', error: { code: 'boom' }, until: expect.any(String) },
  })
})

test('a launch that compute throttles', async () => {
  const agent = await makeAgent()
  plane.launch_answers.push({ ok: false, why: 'throttled', message: 'slow down' })
  const task = await accept(agent.id)
  await plane.deliver()
  expect(await explain(task)).toMatchObject({ state: 'running', constraint: { code: 'starting', attempt_no: 1, given_up_at: expect.any(String) } })
})

test('nothing: it runs, and its runner was heard of so long ago', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id, { timeout_ms: 60_000 })
  const sandbox = await start(task.id)
  plane.advance(7_000)
  const { constraint } = await explain(task)
  expect(constraint).toMatchObject({ code: 'running', run_id: sandbox.run_id, attempt_no: 1, heartbeat_age_ms: 7_000 })
  if (constraint.code !== 'running') throw new Error(constraint.code)
  expect(Date.parse(constraint.timeout_at) - Date.parse(constraint.since)).toBe(60_000 + plane.deps.deployment.stop_grace_ms)
})

test('its sandbox, which was told to stop', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  await start(task.id)
  await call('POST', `/v1/tasks/${task.id}/cancel`)
  expect(await explain(task)).toMatchObject({ state: 'running', constraint: { code: 'stopping', attempt_no: 1, reason: 'cancel' } })
})

test('its end: done, failed with an error, dropped with a reason, cancelled', async () => {
  const agent = await narrow()
  const done = await accept(agent.id)
  await end(await start(done.id))
  expect(await explain(done)).toMatchObject({ constraint: { code: 'over', state: 'done', at: expect.any(String) } })
  const failed = await accept(agent.id, once)
  await end(await start(failed.id), { outcome: 'error', error: boom })
  expect(await explain(failed)).toMatchObject({ constraint: { code: 'over', state: 'error', error: { code: 'boom' } } })
  await start((await accept(agent.id)).id)
  const late = await accept(agent.id, { queue_timeout_ms: 1_000 })
  plane.advance(2_000)
  await plane.deliver()
  const gone = await accept(agent.id)
  await call('POST', `/v1/tasks/${gone.id}/cancel`)
  expect(await explain(gone)).toMatchObject({ constraint: { code: 'over', state: 'cancelled' } })
  plane.signals.push({ kind: 'task', workspace_id: plane.workspace_id, task_id: late.id, delay_ms: 0 })
  await plane.deliver()
  expect(await explain(late)).toMatchObject({ constraint: { code: 'over', state: 'dropped', dropped_reason: 'queue_timeout' } })
})

test('a task that is not there', async () => {
  expect(await call('GET', '/v1/tasks/task_00000000000000000000000000/explain')).toMatchObject({ status: 404 })
})
