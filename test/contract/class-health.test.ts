/** A class that fails again and again, through the API: it degrades, probes, recovers, and says so in events, explain and its instance. */
import { beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { operations } from '../../shared/contract/operations.ts'
import { lookAtClass } from '../../shared/flows/dispatch.ts'
import { accept, call, end, freshPlane, getTask, makeAgent, start } from '../support/api-steps.ts'
import { shaped, type ApiPlane } from '../support/http.ts'
import { boom } from '../support/looks.ts'
import type { ClassHealth } from '../../shared/flows/flow.ts'

let plane: ApiPlane
let told: ClassHealth[]
beforeEach(async () => {
  ;({ plane } = await freshPlane())
  told = []
  Object.assign(plane.deps, { onHealth: (change: ClassHealth) => void told.push(change) })
})

const once = { policy: { retry: { max_attempts: 1 } } }
const failed = { outcome: 'error', error: boom } as const
const Events = z.object({ items: z.array(z.looseObject({ event_type: z.string(), payload: z.looseObject({ class_health: z.looseObject({}).optional() }) })) })
/** Payloads of the newest run of a task, by the type of the event. */
const payloadsOf = async (task_id: string) => {
  const { target_run_id } = await getTask(task_id)
  const { body } = await call('GET', `/v1/runs/${target_run_id}/events`)
  return Object.fromEntries(Events.parse(body).items.map(({ event_type, payload }) => [event_type, payload]))
}
const explain = async (task_id: string) => shaped(operations.explainTask.responses[200], await call('GET', `/v1/tasks/${task_id}/explain`))
const Instances = z.object({ items: z.array(z.looseObject({ instance_key: z.string(), status: z.string() })) })
const statusOf = async (key: string) =>
  Instances.parse((await call('GET', '/v1/execution-instances')).body).items.find(({ instance_key }) => instance_key === key)?.status

test('a degraded class probes, recovers, and says so in events and explain', async () => {
  const agent = await makeAgent()
  const changes = []
  for (let n = 0; n < 5; n += 1) {
    const task = await accept(agent.id, once)
    await end(await start(task.id), failed)
    changes.push((await payloadsOf(task.id))['finished']?.class_health)
  }
  const cooled = { cooldown_until: expect.any(String) }
  expect(changes).toEqual([
    undefined,
    undefined,
    { from: 'healthy', to: 'warning', failed_attempts: 3 },
    undefined,
    { from: 'warning', to: 'degraded', failed_attempts: 5, ...cooled },
  ])
  const [probe, waits] = [await accept(agent.id, once), await accept(agent.id, once)]
  const key = probe.execution_class_key
  const look = async (): Promise<void> => lookAtClass(plane.deps, { workspace_id: plane.workspace_id, class_key: key })
  await plane.deliver()
  expect(await statusOf(key)).toBe('degraded')
  expect(await explain(probe.id)).toMatchObject({ constraint: { code: 'class_degraded', failed_attempts: 5, probing: false } })

  plane.advance(61_000)
  await look()
  await end(await start(probe.id), failed)
  expect((await payloadsOf(probe.id))['started']).toMatchObject({ probe: true })
  expect((await payloadsOf(probe.id))['finished']?.class_health).toEqual({ from: 'degraded', to: 'degraded', failed_attempts: 6, ...cooled })

  plane.advance(121_000)
  const last = await accept(agent.id, once)
  await look()
  expect(await explain(last.id)).toMatchObject({ constraint: { code: 'class_degraded', probing: true } })
  await end(await start(waits.id))
  expect((await payloadsOf(waits.id))['started']).toMatchObject({ probe: true })
  expect((await payloadsOf(waits.id))['finished']?.class_health).toEqual({ from: 'degraded', to: 'healthy', failed_attempts: 0 })
  await end(await start(last.id))
  const after = await payloadsOf(last.id)
  expect(after['started']).not.toHaveProperty('probe')
  expect(after['finished']).not.toHaveProperty('class_health')
  expect(await statusOf(key)).toBe('healthy')
  expect(told.map(({ from, to, class_key }) => [from, to, class_key])).toEqual([
    ['healthy', 'warning', key],
    ['warning', 'degraded', key],
    ['degraded', 'degraded', key],
    ['degraded', 'healthy', key],
  ])
})

test('a class that an operator resets is healthy at once, and what starts next is no probe', async () => {
  const agent = await makeAgent()
  for (let n = 0; n < 5; n += 1) await end(await start((await accept(agent.id, once)).id), failed)
  const task = await accept(agent.id, once)
  expect((await call('PATCH', `/v1/execution-instances/${task.execution_class_key}`, { body: { reset: true } })).status).toBe(200)
  expect(await statusOf(task.execution_class_key)).toBe('healthy')
  await plane.deliver()
  await end(await start(task.id))
  expect((await payloadsOf(task.id))['started']).not.toHaveProperty('probe')
})

test('an attempt that was live when its class degraded says nothing of its health when it fails', async () => {
  const agent = await makeAgent()
  const tasks = []
  for (let n = 0; n < 6; n += 1) tasks.push(await accept(agent.id, once))
  const sandboxes = []
  for (const task of tasks) sandboxes.push(await start(task.id))
  for (const sandbox of sandboxes) await end(sandbox, failed)
  expect((await payloadsOf(tasks.at(-1)?.id ?? ''))['finished']).not.toHaveProperty('class_health')
  expect(told.map(({ to }) => to)).toEqual(['warning', 'degraded'])
})
