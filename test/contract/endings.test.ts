/** How attempts and tasks end: usage, cool-downs, queue timeouts, and sandboxes that compute cannot speak for. */
import { expect, test } from 'vitest'
import { applyAttemptEvent } from '../../shared/flows/finish.ts'
import { cancelTask } from '../../shared/flows/cancel.ts'
import { lookAtClass } from '../../shared/flows/dispatch.ts'
import { lookAtTask } from '../../shared/flows/look.ts'
import { heartbeat } from '../../shared/flows/runner.ts'
import { retryTask } from '../../shared/flows/retry.ts'
import { betweenStore } from '../support/between.ts'
import { at, boom, identity, instanceOf, named, sweepAndDeliver } from '../support/looks.ts'
import { test_usage, testPlane } from '../support/plane.ts'

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

test('a queue timeout counts from when the task stands in line: one that is woken late is tried', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id, not_before: '2026-11-22T09:10:00Z', queue_timeout_ms: 1_000 })
  plane.advance(700_000)
  await lookAtTask(plane.deps, named(plane, task))
  await plane.deliver()
  expect((await plane.task(task.id)).state).toBe('running')
})

test('a task that ends between two attempts has what the first one used', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const policy = { retry: { max_attempts: 3, delay_ms: 60_000 } }
  const { task } = await plane.accept({ agent_id: agent.id, policy })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 0))
  await plane.finish(at(plane.sandboxes, 0), { outcome: 'error', error: boom })
  expect(await cancelTask(plane.deps, named(plane, task))).toMatchObject({
    ok: true,
    value: { task: { state: 'cancelled', usage: { input_tokens: 10, model_usd: 0.01 } } },
  })
})

test('two failures at once that reach the threshold start the cool-down', async () => {
  const store = betweenStore()
  const plane = testPlane({ store, deployment: { failed_attempt_threshold: 2 } })
  const agent = await plane.makeAgent({ concurrency: 2 })
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  for (const sandbox of plane.sandboxes) await plane.claim(sandbox)
  store.beforeWriteOf('run', async () => void (await plane.finish(at(plane.sandboxes, 1), { outcome: 'error', error: boom })))
  await plane.finish(at(plane.sandboxes, 0), { outcome: 'error', error: boom })
  expect(await instanceOf(plane, task.class_key)).toMatchObject({ failures: 2 })
  expect((await instanceOf(plane, task.class_key)).cooldown_until).toBeDefined()
  await plane.deliver()
  expect(plane.sandboxes).toHaveLength(2)
})

test('attempts that were live when their class degraded do not lengthen its cool-down', async () => {
  const plane = testPlane({ deployment: { failed_attempt_threshold: 2 } })
  const agent = await plane.makeAgent({ concurrency: 6 })
  const { task } = await plane.accept({ agent_id: agent.id })
  for (let count = 0; count < 5; count += 1) await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  for (const sandbox of plane.sandboxes.slice(0, 6)) await plane.claim(sandbox)
  for (const sandbox of plane.sandboxes.slice(0, 6)) await plane.finish(sandbox, { outcome: 'error', error: boom })
  const { cooldown_until, due_at } = await instanceOf(plane, task.class_key)
  expect(cooldown_until).toBe('2026-11-22T09:01:00.000Z')
  expect(due_at).toBe(cooldown_until)
  await plane.deliver()
  plane.advance(61_000)
  await lookAtClass(plane.deps, task)
  expect(plane.sandboxes).toHaveLength(7)
  await plane.claim(at(plane.sandboxes, 6))
  await plane.finish(at(plane.sandboxes, 6), { outcome: 'error', error: boom })
  expect((await instanceOf(plane, task.class_key)).cooldown_until).toBe('2026-11-22T09:03:01.000Z')
})

test('an attempt that is not claimed in time is stopped, so that its sandbox does not linger', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id, policy: { retry: { max_attempts: 1 } } })
  await plane.deliver()
  plane.advance(plane.deps.deployment.launch_timeout_ms)
  await sweepAndDeliver(plane)
  expect((await plane.task(task.id)).state).toBe('error')
  expect(at(plane.sandboxes, 0).state).toBe('stopped')
})

test('a cancelled attempt whose lease is over ends, though compute does not answer', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 0))
  await cancelTask(plane.deps, named(plane, task))
  const away = async () => Promise.reject(new Error('compute is away'))
  const deps = { ...plane.deps, compute: { ...plane.deps.compute, describe: away, find: away, stop: away } }
  plane.advance(plane.deps.deployment.lease_ms)
  await lookAtTask(deps, named(plane, task))
  expect((await plane.task(task.id)).state).toBe('cancelled')
})

test('usage that arrives late does not take back what was reported since', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 0)
  await plane.claim(sandbox)
  await heartbeat(plane.deps, identity(plane, sandbox), { ...test_usage, input_tokens: 500, model_usd: 3 })
  const { workspace_id, run_id, attempt_no } = sandbox
  await applyAttemptEvent(plane.deps, { type: 'usage', workspace_id, run_id, attempt_no, usage: { ...test_usage, output_tokens: 7 } })
  expect((await plane.run(run_id)).live_usage).toMatchObject({ input_tokens: 500, output_tokens: 7, model_usd: 3 })
  await heartbeat(plane.deps, identity(plane, sandbox), test_usage)
  expect((await plane.run(run_id)).live_usage).toMatchObject({ input_tokens: 500, output_tokens: 7, model_usd: 3 })
})

test('a budget is that of the run: a retry may spend what the attempts before it have left', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  await plane.accept({ agent_id: agent.id, budget_usd: 1, policy: { retry: { max_attempts: 3 } } })
  await plane.deliver()
  for (const [attempt, spent_usd] of [0, test_usage.model_usd, 2 * test_usage.model_usd].entries()) {
    const sandbox = at(plane.sandboxes, attempt)
    expect(await plane.claim(sandbox)).toMatchObject({ ok: true, value: { attempt_no: attempt + 1, budget_usd: 1, spent_usd } })
    await plane.finish(sandbox, { outcome: 'error', error: boom })
    await plane.deliver()
  }
})
