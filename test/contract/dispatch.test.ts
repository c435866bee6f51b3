/** Looks at a class: who starts, who is cleared away, and when the class is looked at again. */
import { expect, test } from 'vitest'
import { agentHasWork, cancelAgentWork, wakeAgentClasses } from '../../shared/flows/agent-work.ts'
import { cancelTask } from '../../shared/flows/cancel.ts'
import { lookAtClass } from '../../shared/flows/dispatch.ts'
import { lookAtTask } from '../../shared/flows/look.ts'
import { retryTask } from '../../shared/flows/retry.ts'
import { sweep } from '../../shared/flows/sweep.ts'
import { RunId } from '../../shared/domain/ids.ts'
import { placeInLine } from '../../shared/domain/lines.ts'
import { refs } from '../../shared/store/keys.ts'
import { betweenStore } from '../support/between.ts'
import { at, boom, instanceOf, named, rethrow, sweepAndDeliver } from '../support/looks.ts'
import { testPlane, type TestPlane } from '../support/plane.ts'
import type { Agent } from '../../shared/domain/agent.ts'

const change = async (plane: TestPlane, agent: Agent, changes: Partial<Agent>): Promise<void> => {
  const stored = await plane.deps.store.get(refs.agent(plane.workspace_id, agent.id))
  if (stored === undefined) throw new Error('no agent')
  await plane.deps.store.commit([{ op: 'replace_if_version', record: { ...stored, ...changes } }])
}
const finishNth = async (plane: TestPlane, index: number) => {
  await plane.claim(at(plane.sandboxes, index))
  await plane.finish(at(plane.sandboxes, index))
}

test('a place whose task is over is cleared away, and holds nobody up', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 1 })
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  const place = placeInLine({ ...task, priority: 'urgent' }, undefined)
  await plane.deps.store.commit([{ op: 'put_if_absent', record: place }])
  const next = await plane.accept({ agent_id: agent.id })
  await finishNth(plane, 0)
  await plane.deliver()
  expect(await plane.deps.store.get(refs.place(place))).toBeUndefined()
  expect((await plane.task(next.task.id)).state).toBe('running')
})

test('a task whose queue timeout has passed is dropped when its turn comes', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 1 })
  await plane.accept({ agent_id: agent.id })
  const { task } = await plane.accept({ agent_id: agent.id, queue_timeout_ms: 5_000 })
  await plane.deliver()
  plane.advance(5_000)
  await finishNth(plane, 0)
  await plane.deliver()
  expect(await plane.task(task.id)).toMatchObject({ state: 'dropped', dropped_reason: 'queue_timeout' })
  expect(plane.sandboxes).toHaveLength(1)
})

test('the line of a deleted agent is dropped, whether there is room or not; what lives goes on', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 1 })
  const tasks = [await plane.accept({ agent_id: agent.id }), await plane.accept({ agent_id: agent.id }), await plane.accept({ agent_id: agent.id })]
  await plane.deliver()
  await change(plane, agent, { deleted_at: '2026-11-22T09:00:00.000Z', active: false })
  await lookAtClass(plane.deps, at(tasks, 0).task)
  const states = await Promise.all(tasks.map(async ({ task }) => plane.task(task.id)))
  expect(states.map((task) => [task.state, 'dropped_reason' in task ? task.dropped_reason : undefined])).toEqual([
    ['running', undefined],
    ['dropped', 'agent_deleted'],
    ['dropped', 'agent_deleted'],
  ])
})

test('nothing of an inactive agent starts; with an empty line its class is not looked at again', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 1 })
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  await change(plane, agent, { active: false })
  const waiting = await plane.accept({ agent_id: agent.id, idempotency_key: 'k' }).catch(() => undefined)
  expect(waiting).toBeUndefined()
  await finishNth(plane, 0)
  plane.advance(60_000)
  await sweepAndDeliver(plane)
  expect((await instanceOf(plane, task.class_key)).due_at).toBeUndefined()
})

test('a session whose holder is gone is freed by the look that needs it', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  await plane.accept({ agent_id: agent.id, session_id: 's' })
  await plane.deliver()
  const session = await plane.deps.store.get(refs.session(plane.workspace_id, 's'))
  if (session?.owner === undefined) throw new Error('the session is free')
  const run_id = RunId.parse(session.owner.run_id.replace(/.$/, 'Z'))
  await plane.deps.store.commit([{ op: 'replace_if_version', record: { ...session, waiting: true, owner: { ...session.owner, run_id } } }])
  const { task } = await plane.accept({ agent_id: agent.id, session_id: 's' })
  plane.signals.splice(0)
  await lookAtClass(plane.deps, task)
  expect((await plane.task(task.id)).state).toBe('running')
  expect(plane.signals).toContainEqual({ kind: 'session', workspace_id: plane.workspace_id, session_id: 's' })
})

test('another concurrency of the agent holds from the next look on', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 1 })
  const { task } = await plane.accept({ agent_id: agent.id })
  for (let count = 0; count < 4; count += 1) await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  await change(plane, agent, { config: { ...agent.config, concurrency: 3 } })
  await lookAtClass(plane.deps, task)
  expect(plane.sandboxes).toHaveLength(3)
  expect(await instanceOf(plane, task.class_key)).toMatchObject({ limit: 3, live: 3 })
  await change(plane, agent, { config: { ...agent.config, concurrency: 2 } })
  await finishNth(plane, 0)
  await plane.deliver()
  expect(plane.sandboxes).toHaveLength(3)
  expect(await instanceOf(plane, task.class_key)).toMatchObject({ limit: 2, live: 2 })
})

test.each([
  ['long ago', 60_000],
  ['just now, so that both have the same due time', 0],
])('a look that finds no room does not undo the due time of an attempt that ends meanwhile; one ended before %s', async (_, between_ms) => {
  const store = betweenStore()
  const plane = testPlane({ store })
  const agent = await plane.makeAgent({ concurrency: 2 })
  const { task } = await plane.accept({ agent_id: agent.id })
  for (let count = 0; count < 3; count += 1) await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  await finishNth(plane, 0)
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 1))
  plane.advance(between_ms)
  store.afterReadOf('agent', async () => void (await plane.finish(at(plane.sandboxes, 1))))
  await lookAtClass(plane.deps, task)
  expect(await instanceOf(plane, task.class_key)).toMatchObject({ live: 1 })
  expect((await instanceOf(plane, task.class_key)).due_at).toBeDefined()
})

test('a class that is done is at rest: no sweep finds anything', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 1 })
  await plane.accept({ agent_id: agent.id })
  await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  for (const index of [0, 1]) {
    await finishNth(plane, index)
    await plane.deliver()
  }
  for (let minute = 0; minute < 2; minute += 1) {
    plane.advance(60_000)
    await sweepAndDeliver(plane)
  }
  plane.advance(60_000)
  expect(await sweep(plane.deps, rethrow)).toEqual({ looked: 0, failed: 0 })
})

test('a degraded class that is looked at early stays due for the end of its cool-down, and is probed then', async () => {
  const plane = testPlane({ deployment: { failed_attempt_threshold: 1 } })
  const agent = await plane.makeAgent({ concurrency: 2 })
  const { task } = await plane.accept({ agent_id: agent.id, policy: { retry: { max_attempts: 9 } } })
  const other = await plane.accept({ agent_id: agent.id, policy: { retry: { max_attempts: 9 } } })
  await plane.deliver()
  for (const sandbox of plane.sandboxes.slice(0, 2)) await plane.claim(sandbox)
  await plane.finish(at(plane.sandboxes, 0), { outcome: 'error', error: boom })
  await cancelTask(plane.deps, named(plane, other.task))
  await plane.finish(at(plane.sandboxes, 1))
  const { due_at, cooldown_until } = await instanceOf(plane, task.class_key)
  expect(due_at).toBe('2026-11-22T09:00:30.000Z')
  plane.advance(31_000)
  await sweepAndDeliver(plane)
  expect((await instanceOf(plane, task.class_key)).due_at).toBe(cooldown_until)
  expect(plane.sandboxes).toHaveLength(2)
  plane.advance(30_000)
  await sweepAndDeliver(plane)
  expect(plane.sandboxes).toHaveLength(3)
})

test('a commit that meets a cancel of one of its tasks still starts the others', async () => {
  const store = betweenStore()
  const plane = testPlane({ store })
  const agent = await plane.makeAgent({ concurrency: 3 })
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.accept({ agent_id: agent.id })
  await plane.accept({ agent_id: agent.id })
  plane.signals.splice(0)
  store.beforeWriteOf('run', async () => void (await cancelTask(plane.deps, named(plane, task))))
  await lookAtClass(plane.deps, task)
  expect((await plane.task(task.id)).state).toBe('cancelled')
  expect(plane.sandboxes).toHaveLength(2)
  expect(await instanceOf(plane, task.class_key)).toMatchObject({ live: 2, pending: 2 })
})

test("one who is called back from a session's line starts in the same look, whoever else starts with it", async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 5 })
  await plane.accept({ agent_id: agent.id, session_id: 's' })
  const second = await plane.accept({ agent_id: agent.id, session_id: 's' })
  await plane.deliver()
  await finishNth(plane, 0)
  await plane.accept({ agent_id: agent.id, session_id: 'other' })
  const third = await plane.accept({ agent_id: agent.id, session_id: 's' })
  await lookAtClass(plane.deps, third.task)
  expect((await plane.task(second.task.id)).state).toBe('running')
})

test('a class with more to do than one look may rings itself', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent({ concurrency: 50 })
  const { task } = await plane.accept({ agent_id: agent.id, session_id: 's' })
  for (let count = 0; count < 45; count += 1) await plane.accept({ agent_id: agent.id, session_id: 's' })
  plane.signals.splice(0)
  await lookAtClass(plane.deps, task)
  expect(plane.signals).toEqual([{ kind: 'class', workspace_id: plane.workspace_id, class_key: task.class_key }])
})

test('a task that is looked at before its time keeps its due time', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  plane.signals.splice(0)
  await lookAtTask(plane.deps, named(plane, task))
  expect(await plane.task(task.id)).toEqual(task)
  expect(plane.signals).toEqual([])
})

test('a task of an inactive agent cannot be retried', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  await finishNth(plane, 0)
  await change(plane, agent, { active: false })
  expect(await retryTask(plane.deps, named(plane, task))).toMatchObject({ ok: false, code: 'agent_inactive' })
  await change(plane, agent, { active: true })
  expect(await retryTask(plane.deps, named(plane, task))).toMatchObject({ ok: true })
})

test('the work of one agent is its own: cancelled alone, and its classes alone are rung and due', async () => {
  const plane = testPlane()
  const [agent, other] = [await plane.makeAgent({ concurrency: 1 }), await plane.makeAgent({ concurrency: 1 })]
  const { task } = await plane.accept({ agent_id: agent.id })
  const spared = await plane.accept({ agent_id: other.id })
  await plane.deliver()
  const name = { workspace_id: plane.workspace_id, agent_id: agent.id }
  await wakeAgentClasses(plane.deps, name)
  expect(plane.signals.splice(0)).toEqual([{ kind: 'class', workspace_id: plane.workspace_id, class_key: task.class_key }])
  expect((await instanceOf(plane, task.class_key)).due_at).toBeDefined()
  expect((await instanceOf(plane, spared.task.class_key)).due_at).toBeUndefined()
  await cancelAgentWork(plane.deps, name)
  await plane.deliver()
  await plane.deliver()
  for (const sandbox of plane.sandboxes) if (sandbox.state === 'stopped') await lookAtTask(plane.deps, named(plane, task))
  expect([(await plane.task(task.id)).state, (await plane.task(spared.task.id)).state]).toEqual(['cancelled', 'running'])
  expect([await agentHasWork(plane.deps, name), await agentHasWork(plane.deps, { ...name, agent_id: other.id })]).toEqual([false, true])
})
