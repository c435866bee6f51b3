import { expect, test } from 'vitest'
import { cancelTask } from '../../shared/flows/cancel.ts'
import { heartbeat, reportFinish, storeLogs } from '../../shared/flows/runner.ts'
import { lookAtClass } from '../../shared/flows/dispatch.ts'
import { lookAtTask } from '../../shared/flows/look.ts'
import { retryTask } from '../../shared/flows/retry.ts'
import { sweep } from '../../shared/flows/sweep.ts'
import { refs } from '../../shared/store/keys.ts'
import { secretOf, testPlane, test_usage, type Sandbox, type TestPlane } from '../support/plane.ts'

const at = <T>(list: readonly T[], index: number): T => {
  const item = list[index]
  if (item === undefined) throw new Error(`nothing at ${index}`)
  return item
}
const instanceOf = async (plane: TestPlane, class_key: string) => {
  const instance = await plane.deps.store.get(refs.instance(plane.workspace_id, class_key))
  if (instance === undefined) throw new Error('no instance')
  return instance
}
const identity = (plane: TestPlane, sandbox: Sandbox) => ({
  workspace_id: plane.workspace_id,
  run_id: sandbox.run_id,
  attempt_no: sandbox.attempt_no,
  secret: secretOf(sandbox),
})
const sweepAll = async (plane: TestPlane) => {
  await sweep(plane.deps, (_, cause) => {
    throw cause
  })
  await plane.deliver()
}

test('a command is accepted, dispatched, claimed and finished, and the counters come back to zero', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  expect(task.state).toBe('queued')
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 0)
  expect(await instanceOf(plane, task.class_key)).toMatchObject({ pending: 1, running: 0, live: 1 })
  expect(await plane.claim(sandbox)).toMatchObject({ ok: true, value: { message: 'hello', attempt_no: 1 } })
  expect(await instanceOf(plane, task.class_key)).toMatchObject({ pending: 0, running: 1, live: 1 })
  expect(await plane.finish(sandbox, { result: 'done!' })).toBe(true)
  await plane.deliver()
  expect(await plane.task(task.id)).toMatchObject({ state: 'done', usage: { input_tokens: 10, model_usd: 0.01 } })
  expect(await plane.run(sandbox.run_id)).toMatchObject({ status: 'ok', result: 'done!', event_seq: 3, attempt: { status: 'ok' } })
  expect(await instanceOf(plane, task.class_key)).toMatchObject({ pending: 0, running: 0, stopping: 0, live: 0 })
  const session = await plane.deps.store.get(refs.session(plane.workspace_id, task.session_id))
  expect(session?.owner).toBeUndefined()
})

test('one idempotency key makes one task, and another body under it is flagged', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const made = await Promise.all(Array.from({ length: 50 }, async () => plane.accept({ agent_id: agent.id, idempotency_key: 'k' })))
  expect(new Set(made.map((one) => one.task.id)).size).toBe(1)
  expect(made.filter((one) => !one.idempotent_hit)).toHaveLength(1)
  const other = await plane.accept({ agent_id: agent.id, idempotency_key: 'k', message: 'something else' })
  expect(other).toMatchObject({ idempotent_hit: true, idempotency_mismatch: true, task: { id: at(made, 0).task.id } })
})

test('work starts by priority, then acceptance, and never above the limit', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 2 })
  const order: string[] = []
  for (const priority of ['low', 'normal', 'urgent', 'normal', 'high'] as const) order.push((await plane.accept({ agent_id: agent.id, priority })).task.id)
  plane.signals.length = 0
  await lookAtClass(plane.deps, await plane.task(at(order, 0)))
  for (let index = 0; index < 5; index += 1) {
    const live = plane.sandboxes.filter((sandbox) => sandbox.state !== 'stopped')
    expect(live.length).toBeLessThanOrEqual(2)
    const next = at(plane.sandboxes, index)
    await plane.claim(next)
    await plane.finish(next)
    await plane.deliver()
  }
  const started = await Promise.all(plane.sandboxes.map(async (sandbox) => (await plane.run(sandbox.run_id)).task_id))
  expect(started).toEqual([2, 4, 1, 3, 0].map((index) => at(order, index)))
})

test('a session has one live attempt; the next task passes, and the waiting one starts when the session is free', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const first = await plane.accept({ agent_id: agent.id, session_id: 's' })
  const second = await plane.accept({ agent_id: agent.id, session_id: 's' })
  const third = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  expect(plane.sandboxes).toHaveLength(2)
  expect((await plane.task(second.task.id)).state).toBe('queued')
  expect((await plane.task(third.task.id)).state).toBe('running')
  const holder = at(plane.sandboxes, 0)
  await plane.claim(holder)
  await plane.finish(holder)
  await plane.deliver()
  expect((await plane.task(first.task.id)).state).toBe('done')
  expect((await plane.task(second.task.id)).state).toBe('running')
  expect((await plane.run(at(plane.sandboxes, 2).run_id)).attempt.fencing_token).toBe(2)
})

test('a failed attempt is retried by policy, keeps the run, and is kept', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  const first = at(plane.sandboxes, 0)
  await plane.claim(first)
  await plane.finish(first, { outcome: 'error', error: { code: 'boom', message: 'x', retryable: true } })
  await plane.deliver()
  const second = at(plane.sandboxes, 1)
  expect(second).toMatchObject({ run_id: first.run_id, attempt_no: 2 })
  expect(await plane.deps.store.get(refs.attempt(plane.workspace_id, first.run_id, 1))).toMatchObject({ attempt: { status: 'error', error: { code: 'boom' } } })
  await plane.claim(second)
  await plane.finish(second, { outcome: 'error', error: { code: 'boom', message: 'x', retryable: true } })
  await plane.deliver()
  expect(plane.sandboxes).toHaveLength(2)
  expect(await plane.task(task.id)).toMatchObject({ state: 'error', usage: { input_tokens: 20 } })
})

test('an error that says it is not retryable is not retried', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 0))
  await plane.finish(at(plane.sandboxes, 0), { outcome: 'error', error: { code: 'bad', message: 'x', retryable: false } })
  await plane.deliver()
  expect((await plane.task(task.id)).state).toBe('error')
})

test('an attempt that is not heard of is lost, retried, and its late word changes nothing', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  const first = at(plane.sandboxes, 0)
  await plane.claim(first)
  plane.advance(plane.deps.deployment.lease_ms + 60_000)
  await sweepAll(plane)
  const second = at(plane.sandboxes, 1)
  expect(second.attempt_no).toBe(2)
  await plane.claim(second)
  const before = await plane.run(second.run_id)
  expect(await reportFinish(plane.deps, identity(plane, first), { outcome: 'ok', usage: test_usage })).toMatchObject({ ok: false, code: 'attempt_superseded' })
  expect(await heartbeat(plane.deps, identity(plane, first), undefined)).toMatchObject({ ok: false, code: 'attempt_superseded' })
  expect(await storeLogs(plane.deps, identity(plane, first), [{ seq: 1, timestamp: 1, stream: 'stdout', chunk_type: 'output', data: 'late' }])).toMatchObject({
    code: 'attempt_superseded',
  })
  expect(await plane.finish(first)).toBe(false)
  expect(await plane.run(second.run_id)).toEqual(before)
  await plane.finish(second)
  expect((await plane.task(task.id)).state).toBe('done')
})

test('a heartbeat keeps an attempt alive', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 0)
  await plane.claim(sandbox)
  for (let beat = 0; beat < 6; beat += 1) {
    plane.advance(20_000)
    expect(await heartbeat(plane.deps, identity(plane, sandbox), test_usage)).toMatchObject({ ok: true, value: { order: 'go_on' } })
    await sweepAll(plane)
  }
  expect((await plane.task(task.id)).state).toBe('running')
  expect(plane.sandboxes).toHaveLength(1)
})

test('cancel wins: nothing starts after it, and a live attempt ends cancelled', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 1 })
  const live = await plane.accept({ agent_id: agent.id })
  const waiting = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 0))
  expect(await cancelTask(plane.deps, { workspace_id: plane.workspace_id, task_id: waiting.task.id })).toMatchObject({
    ok: true,
    value: { task: { state: 'cancelled' } },
  })
  const cancelled = await cancelTask(plane.deps, { workspace_id: plane.workspace_id, task_id: live.task.id })
  expect(cancelled).toMatchObject({ ok: true, value: { live: { attempt_no: 1, status: 'running' } } })
  expect(await instanceOf(plane, live.task.class_key)).toMatchObject({ running: 0, stopping: 1, live: 1 })
  expect(await plane.finish(at(plane.sandboxes, 0), { outcome: 'ok' })).toBe(true)
  await plane.deliver()
  expect(await plane.task(live.task.id)).toMatchObject({ state: 'cancelled' })
  expect(plane.sandboxes).toHaveLength(1)
  expect(await instanceOf(plane, live.task.class_key)).toMatchObject({ stopping: 0, live: 0, failures: 0 })
})

test('a cancelled attempt that never claimed cannot claim', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  await cancelTask(plane.deps, { workspace_id: plane.workspace_id, task_id: task.id })
  expect(await plane.claim(at(plane.sandboxes, 0))).toMatchObject({ ok: false, code: 'claim_rejected' })
  await plane.deliver()
  await lookAtTask(plane.deps, { workspace_id: plane.workspace_id, task_id: task.id })
  expect((await plane.task(task.id)).state).toBe('cancelled')
})

test('a claim repeated by the same runner gets the same answer, one by another is rejected', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 0)
  const first = await plane.claim(sandbox)
  expect(await plane.claim(sandbox)).toEqual(first)
  expect(await plane.claim({ ...sandbox, attempt_id: 'att_other' })).toMatchObject({ ok: false, code: 'claim_rejected' })
})

test('with every signal lost, the sweep brings a task to its end', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 1 })
  const tasks = [await plane.accept({ agent_id: agent.id, session_id: 's' }), await plane.accept({ agent_id: agent.id, session_id: 's' })]
  for (let minute = 0; minute < 12; minute += 1) {
    plane.signals.splice(0)
    await sweep(plane.deps, (_, cause) => {
      throw cause
    })
    for (const signal of plane.signals.splice(0)) if (signal.kind === 'class') await lookAtClass(plane.deps, signal)
    plane.signals.splice(0)
    for (const sandbox of plane.sandboxes) {
      if (sandbox.state !== 'starting') continue
      await plane.claim(sandbox)
      await plane.finish(sandbox)
    }
    plane.advance(60_000)
  }
  for (const { task } of tasks) expect((await plane.task(task.id)).state).toBe('done')
})

test('a class that fails five times in a row is left alone, then probed', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 1 })
  const last = await plane.accept({ agent_id: agent.id, policy: { retry: { max_attempts: 6 } } })
  await plane.deliver()
  for (let failure = 0; failure < 5; failure += 1) {
    const sandbox = at(plane.sandboxes, failure)
    await plane.claim(sandbox)
    await plane.finish(sandbox, { outcome: 'error' })
    await plane.deliver()
  }
  expect(plane.sandboxes).toHaveLength(5)
  expect((await plane.task(last.task.id)).state).toBe('queued')
  plane.advance(121_000)
  await sweepAll(plane)
  expect(plane.sandboxes).toHaveLength(6)
  await plane.claim(at(plane.sandboxes, 5))
  await plane.finish(at(plane.sandboxes, 5))
  expect((await instanceOf(plane, last.task.class_key)).failures).toBe(0)
})

test('a task that starts later sleeps until then, and a queue timeout drops it', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 1 })
  const busy = await plane.accept({ agent_id: agent.id })
  const late = await plane.accept({ agent_id: agent.id, not_before: '2026-11-22T09:10:00Z', queue_timeout_ms: 60_000 })
  await plane.deliver()
  expect(late.task.state).toBe('sleeping')
  await plane.claim(at(plane.sandboxes, 0))
  plane.advance(601_000)
  await lookAtTask(plane.deps, { workspace_id: plane.workspace_id, task_id: late.task.id })
  expect((await plane.task(late.task.id)).state).toBe('queued')
  plane.advance(61_000)
  await lookAtTask(plane.deps, { workspace_id: plane.workspace_id, task_id: late.task.id })
  expect(await plane.task(late.task.id)).toMatchObject({ state: 'dropped', dropped_reason: 'queue_timeout' })
  expect((await plane.task(busy.task.id)).state).toBe('running')
})

test('a retried task gets a new run that names the one before', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 0))
  await plane.finish(at(plane.sandboxes, 0))
  expect(await retryTask(plane.deps, { workspace_id: plane.workspace_id, task_id: task.id })).toMatchObject({ ok: true, value: { state: 'queued' } })
  await plane.deliver()
  const second = at(plane.sandboxes, 1)
  expect(await plane.run(second.run_id)).toMatchObject({ previous_run_id: at(plane.sandboxes, 0).run_id, attempt: { attempt_no: 1 } })
})

test('a launch that is throttled is tried again, one that is refused ends its attempt', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  plane.launch_answers.push({ ok: false, why: 'throttled', message: 'slow down' })
  const { task } = await plane.accept({ agent_id: agent.id, policy: { retry: { max_attempts: 1 } } })
  await plane.deliver()
  expect(plane.sandboxes).toHaveLength(0)
  await lookAtTask(plane.deps, { workspace_id: plane.workspace_id, task_id: task.id })
  expect(plane.sandboxes).toHaveLength(1)
  plane.launch_answers.push({ ok: false, why: 'refused', message: 'no such task definition' })
  const other = await plane.accept({ agent_id: agent.id, policy: { retry: { max_attempts: 1 } } })
  await plane.deliver()
  expect((await plane.task(other.task.id)).state).toBe('error')
})
