/** What must not go wrong when two handlers meet: each test lets one act between two steps of the other. */
import { expect, test } from 'vitest'
import { cancelRun, cancelTask } from '../../shared/flows/cancel.ts'
import { lookAtClass } from '../../shared/flows/dispatch.ts'
import { lookAtSession } from '../../shared/flows/session.ts'
import { lookAtTask } from '../../shared/flows/look.ts'
import { retryTask } from '../../shared/flows/retry.ts'
import { RunId } from '../../shared/domain/ids.ts'
import { placeInLine } from '../../shared/domain/lines.ts'
import { refs, type Ref } from '../../shared/store/keys.ts'
import { betweenStore } from '../support/between.ts'
import { at, boom, instanceOf, named } from '../support/looks.ts'
import { testPlane } from '../support/plane.ts'

test('a cancel that meets the end of the attempt finds the task over', async () => {
  const store = betweenStore()
  const plane = testPlane({ store })
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 0)
  await plane.claim(sandbox)
  store.afterReadOf('task', async () => void (await plane.finish(sandbox)))
  expect(await cancelTask(plane.deps, named(plane, task))).toMatchObject({ ok: true, value: { task: { state: 'done' } } })
})

test('a cancel of a run that meets its retry stops the new attempt', async () => {
  const store = betweenStore()
  const plane = testPlane({ store })
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 0)
  await plane.claim(sandbox)
  await plane.finish(sandbox, { outcome: 'error', error: boom })
  store.afterReadOf('run', async () => plane.deliver())
  expect(await cancelRun(plane.deps, { workspace_id: plane.workspace_id, run_id: RunId.parse(sandbox.run_id) })).toMatchObject({
    ok: true,
    value: { live: { attempt_no: 2 } },
  })
  await lookAtTask(plane.deps, named(plane, task))
  await lookAtTask(plane.deps, named(plane, task))
  expect((await plane.task(task.id)).state).toBe('cancelled')
})

test('two dispatchers that meet in one class start each task once', async () => {
  const store = betweenStore()
  const plane = testPlane({ store })
  const agent = await plane.makeAgent({ concurrency: 2 })
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 0))
  await plane.finish(at(plane.sandboxes, 0), { outcome: 'error', error: boom })
  plane.signals.splice(0)
  store.afterReadOf('task', async () => lookAtClass(plane.deps, task))
  await lookAtClass(plane.deps, task)
  expect(plane.sandboxes).toHaveLength(2)
  expect(await instanceOf(plane, task.class_key)).toMatchObject({ pending: 1, live: 1 })
})

test('a look that fails half-way leaves no promise behind', async () => {
  const inner = betweenStore()
  const check = ({ kind }: Ref): void => {
    if (kind === 'command' || kind === 'run') throw new Error('the table is away')
  }
  const plane = testPlane({
    store: {
      ...inner,
      get: async (ref) => {
        check(ref)
        return inner.get(ref)
      },
      getMany: async (refs) => {
        for (const ref of refs) check(ref)
        return inner.getMany(refs)
      },
    },
  })
  const agent = await plane.makeAgent()
  await plane.accept({ agent_id: agent.id })
  const { task } = await plane.accept({ agent_id: agent.id, queue_timeout_ms: 1 })
  plane.advance(2)
  const loose: unknown[] = []
  const hear = (cause: unknown) => loose.push(cause)
  process.on('unhandledRejection', hear)
  inner.beforeWriteOf('task', async () => new Promise((resolve) => setTimeout(resolve, 5)))
  await expect(lookAtClass(plane.deps, task)).rejects.toThrow('the table is away')
  process.off('unhandledRejection', hear)
  expect(loose).toEqual([])
})

test('a newer command does not overtake an older one of its class that waits for the same session', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  await plane.accept({ agent_id: agent.id, session_id: 's' })
  const second = await plane.accept({ agent_id: agent.id, session_id: 's' })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 0))
  await plane.finish(at(plane.sandboxes, 0))
  const third = await plane.accept({ agent_id: agent.id, session_id: 's' })
  await lookAtClass(plane.deps, third.task)
  expect([(await plane.task(second.task.id)).state, (await plane.task(third.task.id)).state]).toEqual(['running', 'queued'])
  const urgent = await plane.accept({ agent_id: agent.id, session_id: 's', priority: 'urgent' })
  await plane.finish(at(plane.sandboxes, 1))
  await lookAtClass(plane.deps, third.task)
  expect([(await plane.task(urgent.task.id)).state, (await plane.task(third.task.id)).state]).toEqual(['running', 'queued'])
  await plane.finish(at(plane.sandboxes, 2))
  await plane.deliver()
  expect((await plane.task(third.task.id)).state).toBe('running')
})

test('a place that was left and taken again is not cleared away by one who saw the old one', async () => {
  const store = betweenStore()
  const plane = testPlane({ store })
  const agent = await plane.makeAgent()
  await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  const { task } = await plane.accept({ agent_id: agent.id })
  store.afterReadOf('place', async () => void (await cancelTask(plane.deps, named(plane, task))))
  store.afterReadOf('session', async () => void (await retryTask(plane.deps, named(plane, task))))
  await lookAtClass(plane.deps, task)
  await plane.deliver()
  expect((await plane.task(task.id)).state).toBe('running')
})

test('a cancel finds the place that its session hands back to its class at that moment', async () => {
  const store = betweenStore()
  const plane = testPlane({ store })
  const agent = await plane.makeAgent()
  await plane.accept({ agent_id: agent.id, session_id: 's' })
  const { task } = await plane.accept({ agent_id: agent.id, session_id: 's' })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 0))
  await plane.finish(at(plane.sandboxes, 0))
  store.afterReadOf('place', async () => lookAtSession(plane.deps, { workspace_id: plane.workspace_id, session_id: 's' }))
  expect(await cancelTask(plane.deps, named(plane, task))).toMatchObject({ ok: true, value: { task: { state: 'cancelled' } } })
  const place = { ...placeInLine(task, undefined), line: 'class' } as const
  expect(await store.getMany([refs.place(place), refs.place({ ...place, line: 'session' })])).toEqual([undefined, undefined])
})

test('a lease whose owner nobody can read is left alone, one whose attempt is gone is released', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  await plane.accept({ agent_id: agent.id, session_id: 's' })
  await plane.deliver()
  const ref = refs.session(plane.workspace_id, 's')
  const session = await plane.deps.store.get(ref)
  if (session?.owner === undefined) throw new Error('the session is free')
  const { owner } = session
  const gone = { ...owner, run_id: RunId.parse(owner.run_id.replace(/.$/, 'Z')) }
  for (const [lease_owner, is_held] of [
    ['no owner at all', true],
    ['another:execution', true],
    [owner.lease_owner, false],
  ] as const) {
    const stored = await plane.deps.store.get(ref)
    if (stored === undefined) throw new Error('no session')
    await plane.deps.store.commit([{ op: 'replace_if_version', record: { ...stored, owner: { ...gone, lease_owner } } }])
    await lookAtSession(plane.deps, { workspace_id: plane.workspace_id, session_id: 's' })
    expect((await plane.deps.store.get(ref))?.owner !== undefined).toBe(is_held)
  }
})

test('a class whose head does not fit together fails, and does not ring itself for ever', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  const { run_id } = at(plane.sandboxes, 0)
  const other = await plane.accept({ agent_id: agent.id })
  await plane.deps.store.commit([{ op: 'replace_if_version', record: { ...other.task, target_run_id: RunId.parse(run_id) } }])
  plane.signals.splice(0)
  await expect(lookAtClass(plane.deps, task)).rejects.toThrow('did not fit together')
  expect(plane.signals).toEqual([])
})
