/** The kill switch: nothing starts, what is live is fenced and stopped, the answer says what compute has said. */
import { beforeEach, expect, test } from 'vitest'
import { operations } from '../../shared/contract/operations.ts'
import { applyAttemptEvent } from '../../shared/flows/finish.ts'
import { heartbeat, reportFinish, storeLogs, uploadUrl } from '../../shared/flows/runner.ts'
import { listPartitions } from '../../shared/store/keys.ts'
import { accept, answers, call, end, entries, freshPlane, getTask, makeAgent, start } from '../support/api-steps.ts'
import { shaped, type ApiPlane } from '../support/http.ts'
import { boom, identity, sweepAndDeliver } from '../support/looks.ts'
import { test_usage } from '../support/plane.ts'

let plane: ApiPlane
beforeEach(async () => {
  ;({ plane } = await freshPlane())
})

const killPath = () => `/v1/workspaces/${plane.workspace_id}/kill`
const kill = async (body: object = {}, query = '') => shaped(operations.killWorkspace.responses[200], await call('POST', `${killPath()}${query}`, { body }))
const resume = async () => call('POST', `/v1/workspaces/${plane.workspace_id}/resume`)
/** A sandbox that heeds no order by itself: compute says so in the end. */
const stubborn = () => {
  plane.deps.compute.stop = async () => undefined
}
const settleDown = async () => {
  for (let minute = 0; minute < 4; minute += 1) {
    plane.advance(61_000)
    await sweepAndDeliver(plane)
  }
}

test('live, waiting and sleeping work ends, nothing more is taken, and compute confirms each attempt', async () => {
  const agent = await makeAgent({ config: { runner: 'process', command: ['true'], concurrency: 2 } })
  const live = [await accept(agent.id), await accept(agent.id)]
  await start(live[0]?.id ?? '')
  const queued = await accept(agent.id)
  const sleeping = await accept(agent.id, { not_before: '2099-01-01T00:00:00Z' })
  const waits = await accept(agent.id, { session_id: live[0]?.session_id })
  await plane.deliver()
  const first = await kill()
  expect(first).toMatchObject({ hold: false, complete: false })
  expect(first.attempts.map((attempt) => [attempt.task_id, attempt.state])).toEqual(live.map((task) => [task.id, 'stopping']))
  for (const task of [queued, sleeping, waits]) expect((await getTask(task.id)).state).toBe('cancelled')
  expect(await call('POST', '/v1/tasks', { body: { agent_id: agent.id, message: 'more' } })).toMatchObject({ status: 409, body: { code: 'workspace_killed' } })
  expect(await call('POST', `/v1/tasks/${queued.id}/retry`)).toMatchObject({ status: 409, body: { code: 'workspace_killed' } })
  await plane.deliver()
  await plane.deliver()
  expect((await kill({ killed_at: first.killed_at })).killed_at).toBe(first.killed_at)
  await settleDown()
  const last = await kill()
  expect(last).toMatchObject({ complete: true, killed_at: first.killed_at })
  expect(last.attempts.map((attempt) => attempt.state)).toEqual(['stopped', 'stopped'])
  expect(plane.sandboxes.every((sandbox) => sandbox.state === 'stopped')).toBe(true)
  for (const task of live) expect((await getTask(task.id)).state).toBe('cancelled')
})

test('from the kill on, nothing that a live attempt sends changes anything', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  const sandbox = await start(task.id)
  stubborn()
  await heartbeat(plane.deps, identity(plane, sandbox), { ...test_usage, input_tokens: 77 })
  await kill()
  const [writes] = [plane.writes.length]
  const who = identity(plane, sandbox)
  const superseded = { ok: false, code: 'attempt_superseded' }
  expect(await heartbeat(plane.deps, who, undefined)).toMatchObject(superseded)
  expect(await storeLogs(plane.deps, who, entries('late'))).toMatchObject(superseded)
  expect(await uploadUrl(plane.deps, who, { kind: 'workspace', bytes: 10 })).toMatchObject(superseded)
  expect(await reportFinish(plane.deps, who, { outcome: 'ok', usage: test_usage })).toMatchObject(superseded)
  expect(await plane.finish(sandbox, { result: 'late' })).toBe(false)
  expect(plane.writes.length).toBe(writes)
  const { workspace_id, run_id, attempt_no, execution_id } = sandbox
  expect(await applyAttemptEvent(plane.deps, { type: 'stopped', workspace_id, run_id, attempt_no, execution_id, reason: 'stopped' })).toBe(true)
  const { attempts } = await kill()
  expect(attempts).toMatchObject([{ run_id, state: 'stopped' }])
  const over = await getTask(task.id)
  expect(over).toMatchObject({ state: 'cancelled', usage: { input_tokens: 77 } })
})

test('where compute never says that a sandbox is gone, the answer does not either', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  await start(task.id)
  stubborn()
  expect((await kill()).attempts).toMatchObject([{ state: 'stopping' }])
  await settleDown()
  expect(await kill()).toMatchObject({ complete: true, attempts: [{ task_id: task.id, state: 'unknown' }] })
})

test('what is held keeps its place and goes on when the workspace is resumed', async () => {
  const agent = await makeAgent({ config: { runner: 'process', command: ['true'], concurrency: 1 } })
  const live = await accept(agent.id)
  await start(live.id)
  const queued = await accept(agent.id)
  await kill({ hold: true })
  await settleDown()
  expect(await kill({ hold: true })).toMatchObject({ complete: true, hold: true })
  expect(await getTask(queued.id)).toMatchObject({ state: 'queued' })
  const explained = shaped(operations.explainTask.responses[200], await call('GET', `/v1/tasks/${queued.id}/explain`))
  expect(explained).toMatchObject({ constraint: { code: 'workspace_killed' }, frees: 'resuming its workspace' })
  expect(await resume()).toMatchObject({ status: 200 })
  await end(await start(queued.id))
  expect(await getTask(queued.id)).toMatchObject({ state: 'done' })
  expect(await call('POST', killPath(), { body: { killed_at: '2026-11-22T09:00:00.000Z' } })).toMatchObject({ status: 409, body: { code: 'illegal_state' } })
})

test('a resume whose doorbells are lost wakes what was held by due times', async () => {
  const agent = await makeAgent()
  const queued = await accept(agent.id, { session_id: 's' })
  await end(await start(queued.id))
  const held = await accept(agent.id)
  await kill({ hold: true })
  plane.signals.splice(0)
  await settleDown()
  await resume()
  plane.signals.splice(0)
  await settleDown()
  expect(await getTask(held.id)).toMatchObject({ state: 'running' })
})

test('what was being stored when the gate was shut is found: a kill is complete only by a look that began a minute later', async () => {
  const agent = await makeAgent()
  const { deps } = plane
  const store = { ...deps.store }
  let late: (() => Promise<unknown>) | undefined
  deps.store.commit = async (writes) => {
    if (late === undefined && writes.some((write) => write.op === 'put_if_absent' && write.record.kind === 'command')) {
      late = async () => store.commit(writes)
      return { ok: true }
    }
    return store.commit(writes)
  }
  const under_way = shaped(answers.accepted, await call('POST', '/v1/tasks', { body: { agent_id: agent.id, message: 'x' } }), 202).task
  expect(await kill()).toMatchObject({ complete: false })
  await late?.()
  plane.advance(31_000)
  expect(await kill()).toMatchObject({ complete: false })
  expect(await getTask(under_way.id)).toMatchObject({ state: 'cancelled' })
  plane.advance(61_000)
  expect(await kill()).toMatchObject({ complete: true })
})

test('thousands are ended in bounded steps, and the list goes on at its cursor', async () => {
  const agent = await makeAgent({ config: { runner: 'process', command: ['true'], concurrency: 30 } })
  for (let n = 0; n < 90; n += 1) await accept(agent.id)
  await plane.deliver()
  const [first] = [await kill({}, '?limit=20')]
  const cancelled = async () =>
    (await plane.deps.store.range({ index: 'by_state', pk: listPartitions.tasksByState(plane.workspace_id, 'cancelled', false), limit: 200 })).records.length
  expect(await cancelled()).toBeLessThan(60)
  await settleDown()
  expect(await cancelled()).toBe(90)
  const page = await kill({}, '?limit=20')
  expect(page.attempts).toHaveLength(20)
  const rest = await kill({ killed_at: first.killed_at }, `?limit=20&cursor=${page.next_cursor}`)
  expect(new Set([...page.attempts, ...rest.attempts].map((attempt) => attempt.run_id)).size).toBe(30)
})

test('a retry that sleeps is taken out too, and its run ends', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id, { policy: { retry: { max_attempts: 3, delay_ms: 30_000 } } })
  await end(await start(task.id), { outcome: 'error', error: boom })
  expect((await kill()).attempts).toEqual([])
  expect(await getTask(task.id)).toMatchObject({ state: 'cancelled' })
})

test('an operator kills any workspace, an admin its own, a member none', async () => {
  const operator = await plane.makeKey(plane.workspace_id, 'operator')
  const made = shaped(operations.createWorkspace.responses[201], await call('POST', '/v1/workspaces', { key: operator, body: { name: 'second' } }), 201)
  expect(await call('POST', `/v1/workspaces/${made.id}/kill`)).toMatchObject({ status: 404 })
  expect(await call('POST', `/v1/workspaces/${made.id}/kill`, { key: operator })).toMatchObject({ status: 200 })
  const member = await plane.makeKey(plane.workspace_id, 'member')
  expect(await call('POST', killPath(), { key: member })).toMatchObject({ status: 403 })
})
