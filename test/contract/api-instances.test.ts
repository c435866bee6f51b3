/** What an operator does to a class by the API: limits that hold at once, and a degraded class that is made healthy. */
import { beforeEach, expect, test } from 'vitest'
import { operations } from '../../shared/contract/operations.ts'
import { refs } from '../../shared/store/keys.ts'
import { accept, call, end, freshPlane, makeAgent, one, start } from '../support/api-steps.ts'
import { shaped, type ApiPlane } from '../support/http.ts'
import { boom } from '../support/looks.ts'
import type { InstanceView } from '../../shared/contract/instances.ts'

const { 200: Instance } = operations.updateExecutionInstance.responses

let plane: ApiPlane
beforeEach(async () => {
  ;({ plane } = await freshPlane())
})

const listed = async (): Promise<InstanceView> =>
  one(shaped(operations.listExecutionInstances.responses[200], await call('GET', '/v1/execution-instances')).items)
const order = async (instance: InstanceView, body: unknown): Promise<InstanceView> =>
  shaped(Instance, await call('PATCH', `/v1/execution-instances/${instance.instance_key}`, { body }))

test('a greater limit starts what waits, a smaller one holds from the next admission on, and null gives it back', async () => {
  const agent = await makeAgent({ config: { runner: 'process', command: ['true'], concurrency: 1 } })
  const tasks = []
  for (let n = 0; n < 5; n += 1) tasks.push(await accept(agent.id))
  await plane.deliver()
  expect(await listed()).toMatchObject({ pending_attempts: 1, desired_dispatch_concurrency: 1, limit_set_by: 'agent' })
  expect(await order(await listed(), { desired_dispatch_concurrency: 3 })).toMatchObject({ desired_dispatch_concurrency: 3, limit_set_by: 'operator' })
  await plane.deliver()
  expect(await listed()).toMatchObject({ pending_attempts: 3, waiting_tasks: 2 })
  await order(await listed(), { desired_dispatch_concurrency: 0 })
  for (const task of tasks.slice(0, 3)) await end(await start(task.id))
  await plane.deliver()
  expect(await listed()).toMatchObject({ pending_attempts: 0, running_attempts: 0, waiting_tasks: 2, desired_dispatch_concurrency: 0 })
  expect(await order(await listed(), { desired_dispatch_concurrency: null })).toMatchObject({ desired_dispatch_concurrency: 1, limit_set_by: 'agent' })
  await plane.deliver()
  expect(await listed()).toMatchObject({ pending_attempts: 1, waiting_tasks: 1 })
})

test('the order wakes the class by a due time too, should the doorbell be lost', async () => {
  const agent = await makeAgent({ config: { runner: 'process', command: ['true'], concurrency: 1 } })
  await accept(agent.id)
  await accept(agent.id)
  await plane.deliver()
  const { instance_key, workspace_id } = await order(await listed(), { desired_dispatch_concurrency: 2 })
  plane.signals.splice(0)
  expect(await plane.deps.store.get(refs.instance(workspace_id, instance_key))).toMatchObject({ desired_limit: 2, due_at: expect.any(String) })
})

test('reset makes a degraded class healthy, and it starts work again', async () => {
  const agent = await makeAgent({ config: { runner: 'process', command: ['true'], concurrency: 10 } })
  for (let n = 0; n < 5; n += 1) {
    const task = await accept(agent.id, { policy: { retry: { max_attempts: 1 } } })
    await plane.deliver()
    await end(await start(task.id), { outcome: 'error', error: boom })
  }
  await accept(agent.id, { policy: { retry: { max_attempts: 1 } } })
  await plane.deliver()
  expect(await listed()).toMatchObject({ status: 'degraded', pending_attempts: 0, waiting_tasks: 1 })
  const reset = await order(await listed(), { reset: true })
  expect(reset).toMatchObject({ status: 'healthy', failed_attempts: 0 })
  expect(reset.cooldown_until).toBeUndefined()
  await plane.deliver()
  expect(await listed()).toMatchObject({ pending_attempts: 1, waiting_tasks: 0 })
})

test('an instance that is not there is 404', async () => {
  const unknown = `/v1/execution-instances/execclass_${'0'.repeat(32)}`
  expect(await call('PATCH', unknown, { body: { reset: true } })).toMatchObject({ status: 404 })
})
