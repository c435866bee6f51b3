/** Looks at a live attempt, and what compute and runners report of it: each acts only on the attempt that it means. */
import { expect, test } from 'vitest'
import { cancelTask } from '../../shared/flows/cancel.ts'
import { applyAttemptEvent } from '../../shared/flows/finish.ts'
import { lookAtTask } from '../../shared/flows/look.ts'
import { acceptCommand } from '../../shared/flows/accept.ts'
import { heartbeat } from '../../shared/flows/runner.ts'
import { sweep, sweep_bounds } from '../../shared/flows/sweep.ts'
import { CommandParams } from '../../shared/domain/command.ts'
import { due_shards } from '../../shared/store/keys.ts'
import { memoryStore } from '../../shared/store/memory.ts'
import { betweenStore, type BetweenStore } from '../support/between.ts'
import { at, boom, identity, named, rethrow } from '../support/looks.ts'
import { testPlane, test_usage, type Sandbox, type TestPlane } from '../support/plane.ts'
import type { ComputeDeps } from '../../shared/flows/flow.ts'
import type { ExecutionState } from '../../shared/ports/ports.ts'

/** A plane with one running attempt of a command that may take half a minute. */
const oneRunning = async (store: BetweenStore = betweenStore()) => {
  const plane = testPlane({ store })
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id, timeout_ms: 30_000 })
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 0)
  await plane.claim(sandbox)
  return { plane, store, task, sandbox, name: named(plane, task) }
}
const beatFor = async (plane: TestPlane, sandbox: Sandbox, seconds: number) => {
  for (let passed = 0; passed < seconds; passed += 20) {
    plane.advance(20_000)
    await heartbeat(plane.deps, identity(plane, sandbox), undefined)
  }
}
const stopped = (plane: TestPlane, sandbox: Sandbox, exit_code: number, execution_id = sandbox.execution_id) => {
  const { workspace_id, run_id, attempt_no } = sandbox
  return applyAttemptEvent(plane.deps, { type: 'stopped', workspace_id, run_id, attempt_no, execution_id, exit_code, reason: 'it left' })
}
const withCompute = (plane: TestPlane, compute: Partial<ComputeDeps['compute']>): ComputeDeps => ({
  ...plane.deps,
  compute: { ...plane.deps.compute, ...compute },
})

test('an attempt past its timeout is told to stop, though its heart beats, and is retried', async () => {
  const { plane, sandbox, name } = await oneRunning()
  await beatFor(plane, sandbox, 60)
  await lookAtTask(plane.deps, name)
  expect(await heartbeat(plane.deps, identity(plane, sandbox), undefined)).toMatchObject({ ok: true, value: { order: 'stop', stop_reason: 'timeout' } })
  await plane.finish(sandbox, { outcome: 'cancelled' })
  expect(await plane.run(sandbox.run_id)).toMatchObject({ status: 'accepted', attempt: { status: 'timeout', error: { code: 'timeout' } } })
  await plane.deliver()
  expect(at(plane.sandboxes, 1).attempt_no).toBe(2)
})

test('an order to stop for its timeout does not reach the next attempt', async () => {
  const { plane, store, sandbox, name } = await oneRunning()
  await beatFor(plane, sandbox, 60)
  store.afterReadOf('command', async () => {
    await plane.finish(sandbox, { outcome: 'error', error: boom })
    await plane.deliver()
    await plane.claim(at(plane.sandboxes, 1))
  })
  await lookAtTask(plane.deps, name)
  expect(await plane.run(sandbox.run_id)).toMatchObject({ attempt: { attempt_no: 2, status: 'running' } })
})

test('a heartbeat saves an attempt that a look has found lost', async () => {
  const { plane, store, sandbox, name } = await oneRunning()
  plane.advance(plane.deps.deployment.lease_ms)
  store.afterReadOf('command', async () => void (await heartbeat(plane.deps, identity(plane, sandbox), undefined)))
  await lookAtTask(plane.deps, name)
  expect(await plane.run(sandbox.run_id)).toMatchObject({ attempt: { attempt_no: 1, status: 'running' } })
})

test('a claim saves an attempt that a look has found too late', async () => {
  const store = betweenStore()
  const plane = testPlane({ store })
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  plane.advance(plane.deps.deployment.launch_timeout_ms)
  store.afterReadOf('command', async () => void (await plane.claim(at(plane.sandboxes, 0))))
  await lookAtTask(plane.deps, named(plane, task))
  expect(await plane.run(at(plane.sandboxes, 0).run_id)).toMatchObject({ attempt: { attempt_no: 1, status: 'running' } })
})

test.each<[ExecutionState, boolean, string]>([
  ['stopped', true, 'cancelled'],
  ['stopped', false, 'cancelled'],
  ['running', true, 'running'],
  ['starting', false, 'running'],
  ['unknown', true, 'running'],
  ['unknown', false, 'cancelled'],
])('a cancelled attempt whose sandbox is %s (claimed: %s) leaves its task %s', async (state, is_claimed, task_state) => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  if (is_claimed) await plane.claim(at(plane.sandboxes, 0))
  await cancelTask(plane.deps, named(plane, task))
  await lookAtTask(withCompute(plane, { describe: async () => [state] }), named(plane, task))
  expect((await plane.task(task.id)).state).toBe(task_state)
})

test('a cancelled attempt that runs in a sandbox nobody knows keeps its session until its lease is over', async () => {
  const { plane, name, task } = await oneRunning()
  const run = await plane.run(at(plane.sandboxes, 0).run_id)
  if (run.attempt.status !== 'running') throw new Error('it does not run')
  const { execution_id: _, ...anonymous } = run.attempt
  await plane.deps.store.commit([{ op: 'replace_if_version', record: { ...run, attempt: anonymous } }])
  await cancelTask(plane.deps, name)
  const deps = withCompute(plane, { find: async () => undefined })
  await lookAtTask(deps, name)
  expect((await plane.task(task.id)).state).toBe('running')
  plane.advance(plane.deps.deployment.lease_ms)
  await lookAtTask(deps, name)
  expect((await plane.task(task.id)).state).toBe('cancelled')
})

test('a sandbox that stops with a failure ends its attempt; one that leaves with 0 has spoken, and its word decides', async () => {
  const { plane, sandbox } = await oneRunning()
  expect(await stopped(plane, sandbox, 0)).toBe(false)
  expect(await plane.finish(sandbox)).toBe(true)
  const other = await oneRunning()
  expect(await stopped(other.plane, other.sandbox, 137)).toBe(true)
  expect(await other.plane.run(other.sandbox.run_id)).toMatchObject({
    attempt: { status: 'error', lost: true, exit_code: 137, error: { code: 'sandbox_stopped' } },
  })
})

test('a sandbox that leaves with 0 before it claimed has said nothing: its attempt ends', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  expect(await stopped(plane, at(plane.sandboxes, 0), 0)).toBe(true)
})

test("the end of another sandbox, or of an older attempt's, changes nothing", async () => {
  const { plane, sandbox } = await oneRunning()
  expect(await stopped(plane, sandbox, 137, 'arn:another')).toBe(false)
  await plane.finish(sandbox, { outcome: 'error', error: boom })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 1))
  const before = await plane.run(sandbox.run_id)
  expect(await stopped(plane, sandbox, 137)).toBe(false)
  const { workspace_id, run_id } = sandbox
  expect(await applyAttemptEvent(plane.deps, { type: 'usage', workspace_id, run_id, attempt_no: 1, usage: test_usage })).toBe(false)
  expect(await plane.run(sandbox.run_id)).toEqual(before)
})

test('the late end of an older attempt does not reach the next one, which has not started yet', async () => {
  const { plane, sandbox } = await oneRunning()
  await plane.finish(sandbox, { outcome: 'error', error: boom })
  await plane.deliver()
  expect(await stopped(plane, sandbox, 137)).toBe(false)
  expect(await plane.run(sandbox.run_id)).toMatchObject({ attempt: { attempt_no: 2, status: 'pending' } })
})

test('a cancel that meets the end of the launch timeout holds its place until the sandbox is known to be gone', async () => {
  const store = betweenStore()
  const plane = testPlane({ store })
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  plane.advance(plane.deps.deployment.launch_timeout_ms)
  store.afterReadOf('command', async () => void (await cancelTask(plane.deps, named(plane, task))))
  await lookAtTask(plane.deps, named(plane, task))
  expect(await plane.run(at(plane.sandboxes, 0).run_id)).toMatchObject({ attempt: { status: 'stopping', stop_reason: 'cancel' } })
})

test('a look that meets the end of the attempt leaves it at that', async () => {
  const { plane, store, sandbox, name, task } = await oneRunning()
  store.afterReadOf('task', async () => void (await plane.finish(sandbox)))
  await lookAtTask(plane.deps, name)
  expect((await plane.task(task.id)).state).toBe('done')
})

test('a launch that compute does not answer is tried again, and the look goes on', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  plane.launch_answers.push({ ok: false, why: 'throttled', message: 'slow down' })
  await plane.deliver()
  plane.signals.splice(0)
  const reports: string[] = []
  const deps = { ...withCompute(plane, { launch: async () => Promise.reject(new Error('no answer')) }), report: (what: string) => void reports.push(what) }
  await lookAtTask(deps, named(plane, task))
  expect(plane.signals).toMatchObject([{ kind: 'task', task_id: task.id, delay_ms: 1_000 }])
  expect(reports).toEqual(['launch_failed'])
})

test('a command is accepted though its doorbell cannot be rung, and the repeat of it rings', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const reports: string[] = []
  const deps = { ...plane.deps, signals: { send: async () => Promise.reject(new Error('no queue')) }, report: (what: string) => void reports.push(what) }
  const request = { workspace_id: plane.workspace_id, params: CommandParams.parse({ message: 'm', agent_id: agent.id, idempotency_key: 'k' }), body_hash: 'h' }
  const first = await acceptCommand(deps, request)
  expect([first.ok, reports]).toEqual([true, ['signal_failed']])
  expect(await acceptCommand(plane.deps, request)).toMatchObject({ ok: true, value: { idempotent_hit: true } })
  expect(plane.signals).toMatchObject([{ kind: 'class' }])
  await plane.deliver()
  expect(plane.sandboxes).toHaveLength(1)
})

test('a key that was used returns its task, though the agent would now be refused', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id, idempotency_key: 'k' })
  await plane.deps.store.commit([{ op: 'replace_if_version', record: { ...agent, active: false } }])
  expect(await plane.accept({ agent_id: agent.id, idempotency_key: 'k' })).toMatchObject({ idempotent_hit: true, task: { id: task.id } })
  await expect(plane.accept({ agent_id: agent.id, idempotency_key: 'new' })).rejects.toThrow('agent_inactive')
})

test('a record that changes at each try is given up with too_many_conflicts', async () => {
  const inner = memoryStore()
  const plane = testPlane({
    store: {
      ...inner,
      commit: async (writes) => (writes.some((write) => write.op === 'replace_if_version') ? { ok: false, conflicts: [0] } : inner.commit(writes)),
    },
  })
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  expect(await cancelTask(plane.deps, named(plane, task))).toMatchObject({ ok: false, code: 'too_many_conflicts' })
})

test('a sweep looks at so much and no more, beginning with another shard each minute', async () => {
  const inner = memoryStore()
  const shards: string[] = []
  const plane = testPlane({
    store: {
      ...inner,
      range: async (query) => {
        if (query.index === 'due') shards.push(query.pk)
        return inner.range(query)
      },
    },
  })
  const agent = await plane.makeAgent()
  const bounds = { ...sweep_bounds, looks_max: 2_000 }
  for (let count = 0; count < bounds.looks_max + 500; count += 1) await plane.accept({ agent_id: agent.id })
  plane.signals.splice(0)
  plane.advance(61_000)
  const first = await sweep(plane.deps, rethrow, bounds)
  expect(first.looked).toBe(bounds.looks_max)
  const firsts = [at(shards, 0)]
  for (let minute = 1; minute < due_shards; minute += 1) {
    plane.advance(60_000)
    shards.splice(0)
    await sweep(plane.deps, rethrow, bounds)
    firsts.push(at(shards, 0))
  }
  expect(new Set(firsts).size).toBe(due_shards)
})

test('one look that fails is told, and does not stop the others', async () => {
  const inner = memoryStore()
  const broken = { now: false }
  const plane = testPlane({
    store: {
      ...inner,
      get: async (ref) => {
        if (broken.now && ref.kind === 'run') throw new Error('no answer')
        return inner.get(ref)
      },
    },
  })
  const agent = await plane.makeAgent()
  await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  const sleepers = [
    await plane.accept({ agent_id: agent.id, not_before: '2026-11-22T09:00:10Z' }),
    await plane.accept({ agent_id: agent.id, not_before: '2026-11-22T09:00:10Z' }),
  ]
  plane.advance(120_000)
  broken.now = true
  const failing: string[] = []
  const report = await sweep(plane.deps, (record, cause) => void failing.push(`${record.kind}: ${String(cause)}`))
  expect([report.failed, failing]).toEqual([1, ['task: Error: no answer']])
  for (const { task } of sleepers) expect((await plane.task(task.id)).state).toBe('queued')
})
