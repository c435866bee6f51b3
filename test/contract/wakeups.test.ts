/** Nothing that can go on is forgotten: each test loses a doorbell, or rings too many. */
import { expect, test } from 'vitest'
import { cancelTask } from '../../shared/flows/cancel.ts'
import { lookAtClass } from '../../shared/flows/dispatch.ts'
import { lookAtSession } from '../../shared/flows/session.ts'
import { lookAtTask } from '../../shared/flows/look.ts'
import { sweep, sweep_bounds } from '../../shared/flows/sweep.ts'
import { memoryStore } from '../../shared/store/memory.ts'
import { at, instanceOf, named, rethrow, sweepAndDeliver, sweepDeaf } from '../support/looks.ts'
import { testPlane } from '../support/plane.ts'

test('a task that was long in line is watched from its start on, however late its queue timeout is', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 1 })
  await plane.accept({ agent_id: agent.id })
  const { task } = await plane.accept({ agent_id: agent.id, queue_timeout_ms: 86_400_000 })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 0))
  plane.advance(61_000)
  await lookAtTask(plane.deps, named(plane, task))
  await plane.finish(at(plane.sandboxes, 0))
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 1))
  plane.advance(180_000)
  await sweepAndDeliver(plane)
  expect(at(plane.sandboxes, 2)).toMatchObject({ run_id: at(plane.sandboxes, 1).run_id, attempt_no: 2 })
})

test('a task that its session handed back to its class is found, though the doorbell was lost', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const holder = await plane.accept({ agent_id: agent.id, session_id: 's', lane: 'a' })
  const waiting = await plane.accept({ agent_id: agent.id, session_id: 's', lane: 'b' })
  await plane.deliver()
  plane.advance(61_000)
  await lookAtTask(plane.deps, named(plane, waiting.task))
  plane.advance(61_000)
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 0))
  await plane.finish(at(plane.sandboxes, 0))
  expect((await plane.task(holder.task.id)).state).toBe('done')
  plane.signals.splice(0)
  await lookAtSession(plane.deps, { workspace_id: plane.workspace_id, session_id: 's' })
  await sweepDeaf(plane, 4)
  expect((await plane.task(waiting.task.id)).state).toBe('running')
})

test('work of an agent that was inactive starts, though nobody rang when it was activated', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  const asleep = { ...agent, active: false }
  await plane.deps.store.commit([{ op: 'replace_if_version', record: asleep }])
  await plane.deliver()
  await sweepDeaf(plane, 5)
  expect((await plane.task(task.id)).state).toBe('queued')
  await plane.deps.store.commit([{ op: 'replace_if_version', record: { ...asleep, active: true, version: 2 } }])
  await sweepDeaf(plane, 20)
  expect((await plane.task(task.id)).state).toBe('running')
})

test('looks at one stopping attempt do not multiply', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 0))
  const deps = { ...plane.deps, compute: { ...plane.deps.compute, stop: async () => undefined } }
  for (let repeat = 0; repeat < 5; repeat += 1) await cancelTask(plane.deps, named(plane, task))
  for (const signal of plane.signals.splice(0)) if (signal.kind === 'task') await lookAtTask(deps, signal)
  expect(plane.signals.splice(0)).toMatchObject([{ kind: 'task', delay_ms: 5_000 }])
  plane.advance(5_000)
  await lookAtTask(deps, named(plane, task))
  expect(plane.signals.splice(0)).toMatchObject([{ kind: 'task', delay_ms: 5_000 }])
})

test('a launch that compute throttles again and again is tried less and less often', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  for (let count = 0; count < 200; count += 1) plane.launch_answers.push({ ok: false, why: 'throttled', message: 'slow down' })
  await plane.deliver()
  let looks = 0
  await lookAtClass(plane.deps, task)
  await lookAtTask(plane.deps, named(plane, task))
  for (let waited_ms = 0; waited_ms < 300_000; looks += 1) {
    const signal = plane.signals.shift()
    if (signal?.kind !== 'task') break
    plane.advance(signal.delay_ms)
    waited_ms += signal.delay_ms
    await lookAtTask(plane.deps, signal)
  }
  expect(looks).toBeGreaterThan(5)
  expect(looks).toBeLessThan(40)
})

test('many overdue tasks of a class write to it and ring it no oftener than a few', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 1 })
  const { task } = await plane.accept({ agent_id: agent.id })
  for (let count = 0; count < 40; count += 1) await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  plane.advance(61_000)
  const before = await instanceOf(plane, task.class_key)
  await sweep(plane.deps, rethrow)
  expect((await instanceOf(plane, task.class_key)).version - before.version).toBeLessThanOrEqual(sweep_bounds.at_once)
  expect(plane.signals.filter((signal) => signal.kind === 'class').length).toBeLessThanOrEqual(sweep_bounds.at_once + 1)
})

test('a look reads as much with a thousand tasks in line as with ten', async () => {
  const readBy = async (in_line: number): Promise<number> => {
    const inner = memoryStore()
    let read = 0
    const counted = <T>(records: T, count: number): T => {
      read += count
      return records
    }
    const plane = testPlane({
      store: {
        ...inner,
        get: async (ref) => counted(await inner.get(ref), 1),
        getMany: async (refs_read) => counted(await inner.getMany(refs_read), refs_read.length),
        range: async (query) => {
          const page = await inner.range(query)
          return counted(page, 1 + page.records.length)
        },
      },
    })
    const agent = await plane.makeAgent({ concurrency: 4 })
    for (let count = 0; count < in_line; count += 1) await plane.accept({ agent_id: agent.id })
    await plane.deliver()
    const sandbox = at(plane.sandboxes, 0)
    await plane.claim(sandbox)
    read = 0
    await plane.finish(sandbox)
    await plane.deliver()
    return read
  }
  expect(await readBy(1_000)).toBe(await readBy(10))
})
