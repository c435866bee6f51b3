import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { operations } from '../shared/contract/operations.ts'
import type { TaskEventBatch } from '../shared/contract/task-logs.ts'
import { createClient, everyItem, type Client } from './client.ts'
import { followTask } from './follow.ts'
import { startFakeApi } from './testing/fake-api.ts'
import { sample_ids, sampleBatch, sampleLog, sampleTask } from './testing/samples.ts'

let api: Awaited<ReturnType<typeof startFakeApi>>
let client: Client
beforeAll(async () => {
  api = await startFakeApi()
  client = createClient({ url: `${api.url}/`, key: api.key })
})
afterAll(() => api.close())

const { agent, task, run } = sample_ids
const Sent = z.looseObject({ idempotency_key: z.string() })

test('every operation of the contract has its method', async () => {
  api.seen.length = 0
  await client.health()
  await client.openapi()
  await client.agents.defaults()
  await client.agents.create({ agent_key: 'demo' })
  await client.agents.list({ limit: 10 })
  await client.agents.get(agent)
  await client.agents.update(agent, { name: 'New' })
  await client.agents.delete(agent, { cancel: true })
  await client.tasks.accept({ agent_id: agent, message: 'hello' })
  await client.tasks.list({ state: 'queued', archived: true })
  await client.tasks.get(task)
  await client.tasks.cancel(task)
  await client.tasks.archive(task)
  await client.tasks.retry(task)
  await client.tasks.logs(task)
  await client.tasks.events(task)
  await client.runs.list({ task_id: task })
  await client.runs.get(run)
  await client.runs.attempts(run)
  await client.runs.snapshots(run)
  await client.runs.events(run)
  await client.runs.interaction(run)
  await client.runs.cancel(run)
  await client.runs.approvals(run)
  await client.approvals.list()
  await client.approvals.get(sample_ids.approval)
  await client.approvals.answer(sample_ids.approval, { action: 'approve' })
  await client.runs.send(run, { message: 'more' })
  await client.runs.inputs(run, { state: 'pending' })
  await client.runs.input(sample_ids.input)
  await client.tasks.explain(sample_ids.task)
  await client.workspaces.update(sample_ids.workspace, { max_live_attempts: 5 })
  await client.workspaces.kill(sample_ids.workspace, { hold: true })
  await client.workspaces.resume(sample_ids.workspace)
  await client.instances.list()
  await client.instances.get(sample_ids.class_key)
  await client.schedules.create({ agent_id: agent, cron_expr: '0 9 * * *', prompt: 'hello' })
  await client.schedules.draft({ text: 'weekdays at nine in Berlin' })
  await client.schedules.list({ agent_id: agent })
  await client.schedules.get(sample_ids.schedule)
  await client.schedules.update(sample_ids.schedule, { active: false })
  await client.schedules.delete(sample_ids.schedule)
  await client.schedules.next(sample_ids.schedule, { count: 3 })
  await client.schedules.ticks(sample_ids.schedule)
  await client.schedules.fire(sample_ids.schedule)
  await client.instances.update(sample_ids.class_key, { reset: true })
  await client.workspaces.create({ name: 'second' })
  await client.workspaces.list()
  await client.keys.create({ name: 'ci', role: 'member' })
  await client.keys.list()
  await client.keys.revoke(sample_ids.apiKeyNo(1))
  await client.audit({ invariant: '1' })
  expect(api.seen.map((request) => request.id).toSorted()).toEqual(Object.keys(operations).toSorted())
})

test('numbers and booleans of a query become text, absent ones are left out', async () => {
  api.seen.length = 0
  await client.tasks.list({ limit: 5, archived: true, state: undefined })
  expect(api.seen[0]?.query).toEqual({ limit: '5', archived: 'true' })
})

test('a command without an idempotency key gets one that survives its retries', async () => {
  api.seen.length = 0
  const keys: unknown[] = []
  let calls = 0
  const flaky = createClient({
    url: api.url,
    key: api.key,
    fetch: async (input, init) => {
      calls += 1
      const response = await fetch(input, init)
      keys.push(Sent.parse(JSON.parse(z.string().parse(init?.body))).idempotency_key)
      if (calls === 1) throw new TypeError('fetch failed')
      return response
    },
  })
  await flaky.tasks.accept({ agent_id: agent, message: 'once' })
  expect(keys).toHaveLength(2)
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
  expect(keys[1]).toBe(keys[0])
})

test('an operator names the workspace in a header', async () => {
  api.seen.length = 0
  await createClient({ url: api.url, key: api.key, workspace_id: sample_ids.workspace }).agents.list()
  expect(api.seen[0]?.headers['x-lanekeeper-workspace']).toBe(sample_ids.workspace)
})

test('an answer that is not the contract is refused with what is wrong', async () => {
  const odd = createClient({ url: api.url, fetch: async () => Response.json({ status: 'fine' }) })
  await expect(odd.health()).rejects.toMatchObject({ code: 'unexpected_answer', detail: expect.stringMatching(/GET \/v1\/health.*status/s) })
})

test('a refusal carries its code and fields', async () => {
  await expect(client.agents.create({ agent_key: 'Not A Key' })).rejects.toMatchObject({ code: 'invalid_request', errors: [{ field: 'agent_key' }] })
  await expect(createClient({ url: api.url, key: 'wrong' }).agents.list()).rejects.toMatchObject({ code: 'unauthenticated', status: 401 })
})

test('everyItem goes over pages, empty ones too', async () => {
  const labels: unknown[] = []
  for await (const item of everyItem((cursor) => client.tasks.list({ cursor }))) labels.push(item.label)
  expect(labels).toEqual(['job 0', 'job 1', 'job 2', 'job 3', 'job 4'])
})

const follow = async (batches: readonly TaskEventBatch[]) => {
  const slept: number[] = []
  const asked: object[] = []
  const delivered: TaskEventBatch[] = []
  const ports = {
    events: async (_: string, cursors: object) => {
      asked.push(cursors)
      const batch = batches[asked.length - 1]
      if (batch === undefined) throw new Error('asked for more than there is')
      return batch
    },
    sleep: async (ms: number) => void slept.push(Math.round(ms)),
  }
  for await (const batch of followTask(ports, task)) delivered.push(batch)
  return { slept, asked, delivered }
}
const queued = sampleBatch({ task: sampleTask() })
const done = sampleTask({ state: 'done', finished_at: '2026-11-22T09:00:03.000Z' })

test('following asks from the cursors of the batch before, more slowly while nothing is new', async () => {
  const late = sampleBatch({ task: done, run_id: sample_ids.run, logs: [sampleLog(1, 'text', 'late')], next_log_cursor: '9', next_run_event_cursor: '4' })
  const { asked, slept, delivered } = await follow([queued, queued, queued, late, { ...late, logs: [] }])
  expect(asked.at(0)).toEqual({})
  expect(asked.at(1)).toEqual({ log_cursor: '0', run_event_cursor: '0' })
  expect(asked.at(-1)).toEqual({ log_cursor: '9', run_event_cursor: '4', cursor_run_id: sample_ids.run })
  expect(slept).toEqual([200, 300, 450])
  expect(delivered).toEqual([queued, late])
})

test('polling never gets slower than two seconds', async () => {
  const { slept } = await follow([...Array.from({ length: 12 }, () => queued), sampleBatch({ task: done }), sampleBatch({ task: done })])
  expect(Math.max(...slept)).toBe(2_000)
})

test('logs that come after the end are still delivered', async () => {
  const straggler = sampleBatch({ task: done, logs: [sampleLog(7, 'text', 'straggler')] })
  const { delivered } = await follow([sampleBatch({ task: done }), straggler, straggler, sampleBatch({ task: done })])
  expect(delivered).toHaveLength(3)
})

test('following ends with the reason of an abort', async () => {
  await client.tasks.accept({ agent_id: agent, message: 'sentinel:endless' })
  const controller = new AbortController()
  const following = async () => {
    for await (const batch of client.streamTaskEvents(task, { signal: controller.signal })) if (batch.run !== undefined) controller.abort(new Error('detached'))
  }
  await expect(following()).rejects.toThrow('detached')
})
