/** How attempts and tasks end: usage, cool-downs, queue timeouts, and sandboxes that compute cannot speak for. */
import { expect, test } from 'vitest'
import { cancelTask } from '../../shared/flows/cancel.ts'
import { lookAtTask } from '../../shared/flows/look.ts'
import { retryTask } from '../../shared/flows/retry.ts'
import { at, boom, named } from '../support/looks.ts'
import { testPlane } from '../support/plane.ts'

test('a retry has the whole queue timeout before it again', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 1 })
  const { task } = await plane.accept({ agent_id: agent.id, queue_timeout_ms: 60_000 })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 0))
  plane.advance(300_000)
  await plane.finish(at(plane.sandboxes, 0), { outcome: 'error', error: boom })
  await plane.deliver()
  expect((await plane.task(task.id)).state).toBe('running')
  await plane.finish(at(plane.sandboxes, 1), { outcome: 'error', error: boom })
  const blocker = await plane.accept({ agent_id: agent.id, priority: 'urgent' })
  await plane.deliver()
  expect((await plane.task(blocker.task.id)).state).toBe('running')
  expect(await retryTask(plane.deps, named(plane, task))).toMatchObject({ ok: true })
  plane.advance(61_000)
  await lookAtTask(plane.deps, named(plane, task))
  expect(await plane.task(task.id)).toMatchObject({ state: 'dropped', dropped_reason: 'queue_timeout' })
})

test('a task that ends between two attempts has what the first one used', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const policy = { retry: { max_attempts: 3, delay_ms: 60_000 } }
  const { task } = await plane.accept({ agent_id: agent.id, policy })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 0))
  await plane.finish(at(plane.sandboxes, 0), { outcome: 'error', error: boom })
  expect(await cancelTask(plane.deps, named(plane, task))).toMatchObject({ ok: true, value: { task: { state: 'cancelled', usage: { input_tokens: 10, model_usd: 0.01 } } } })
})
