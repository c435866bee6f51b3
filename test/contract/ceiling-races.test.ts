/** Ceilings at the moments that count: set anew while a dispatcher decides, lifted by other settings and set again. */
import { expect, test } from 'vitest'
import { deployment_owner } from '../../shared/domain/ceiling.ts'
import { setCeiling } from '../../shared/flows/ceilings.ts'
import { cancelTask } from '../../shared/flows/cancel.ts'
import { lookAtClass } from '../../shared/flows/dispatch.ts'
import { lookAtTask } from '../../shared/flows/look.ts'
import { refs } from '../../shared/store/keys.ts'
import { ceilingOf, ceilingPlane, type CeilingPlane } from '../support/ceilings.ts'
import { at } from '../support/looks.ts'

/** Something happens right before the next admission is committed. */
const beforeAdmission = (world: CeilingPlane, act: () => Promise<unknown>): void => {
  const { store } = world.plane.deps
  const { commit } = store
  store.commit = async (writes) => {
    if (!writes.some((write) => write.op === 'put_if_absent' && write.record.kind === 'run')) return commit(writes)
    store.commit = commit
    await act()
    return commit(writes)
  }
}

test('a dispatcher that read a ceiling before it was taken back and set anew admits nothing while what lives is counted', async () => {
  const world = ceilingPlane()
  const tenant = await world.addTenant()
  const { deps } = world.plane
  await setCeiling(deps, { ...tenant, max_live_attempts: 1 })
  await world.minutes(3)
  const late = await world.submit(tenant, 'late')
  beforeAdmission(world, async () => {
    await setCeiling(deps, { ...tenant, max_live_attempts: null })
    await lookAtClass(deps, await world.submit(tenant, 'first'))
    await setCeiling(deps, { ...tenant, max_live_attempts: 1 })
  })
  await lookAtClass(deps, late)
  expect(world.live()).toHaveLength(1)
  await world.minutes(3)
  expect(await ceilingOf(world.plane, tenant.workspace_id)).toMatchObject({ live: 1 })
  expect(world.findings).toEqual([])
})

test('two classes that see the last free place of a ceiling do not both take it', async () => {
  const world = ceilingPlane()
  const tenant = await world.addTenant()
  await setCeiling(world.plane.deps, { ...tenant, max_live_attempts: 1 })
  await world.minutes(3)
  const [one, other] = [await world.submit(tenant, 'one'), await world.submit(tenant, 'other')]
  beforeAdmission(world, async () => lookAtClass(world.plane.deps, other))
  await lookAtClass(world.plane.deps, one)
  expect(world.live()).toHaveLength(1)
  expect(world.findings).toEqual([])
})

test('a ceiling that is lowered while a dispatcher decides holds', async () => {
  const world = ceilingPlane()
  const tenant = await world.addTenant()
  await setCeiling(world.plane.deps, { ...tenant, max_live_attempts: 2 })
  await world.minutes(3)
  const first = await world.submit(tenant, 'first')
  await lookAtClass(world.plane.deps, first)
  const second = await world.submit(tenant, 'second')
  beforeAdmission(world, async () => setCeiling(world.plane.deps, { ...tenant, max_live_attempts: 1 }))
  await lookAtClass(world.plane.deps, second)
  expect(world.live()).toHaveLength(1)
  expect(world.findings).toEqual([])
})

test('a class that gave its turn up takes another when it has work again', async () => {
  const world = ceilingPlane()
  const tenant = await world.addTenant()
  await setCeiling(world.plane.deps, { ...tenant, max_live_attempts: 1 })
  await world.minutes(3)
  await world.submit(tenant, 'busy')
  const waits = await world.submit(tenant, 'waits')
  await world.deliver()
  expect(world.journal.all('turn')).toHaveLength(1)
  await cancelTask(world.plane.deps, { ...tenant, task_id: waits.id })
  await lookAtClass(world.plane.deps, waits)
  expect(world.journal.all('turn')).toEqual([])
  await world.submit(tenant, 'waits')
  await world.deliver()
  expect(world.journal.all('turn')).toHaveLength(1)
  await world.end(at(world.live(), 0))
  await world.deliver()
  expect(world.live()).toHaveLength(1)
  expect(world.findings).toEqual([])
})

test('an attempt that was told to stop is taken off its ceiling when it ends', async () => {
  const world = ceilingPlane()
  const tenant = await world.addTenant()
  await setCeiling(world.plane.deps, { ...tenant, max_live_attempts: 1 })
  await world.minutes(3)
  const task = await world.submit(tenant, 'stopped')
  await world.deliver()
  await cancelTask(world.plane.deps, { ...tenant, task_id: task.id })
  await lookAtTask(world.plane.deps, { ...tenant, task_id: task.id })
  await lookAtTask(world.plane.deps, { ...tenant, task_id: task.id })
  expect(await ceilingOf(world.plane, tenant.workspace_id)).toMatchObject({ live: 0 })
  expect(world.findings).toEqual([])
})

test('a place that is freed under a ceiling is filled, should its doorbell be lost', async () => {
  const world = ceilingPlane()
  const tenant = await world.addTenant()
  await setCeiling(world.plane.deps, { ...tenant, max_live_attempts: 1 })
  await world.minutes(3)
  await world.submit(tenant, 'a')
  await world.submit(tenant, 'b')
  await world.deliver()
  await world.end(at(world.live(), 0))
  world.plane.signals.splice(0)
  await world.minutes(2)
  expect(world.live()).toHaveLength(1)
  expect(world.findings).toEqual([])
})

test('an attempt that was admitted by whoever did not know the ceiling yet is counted before anything is admitted under it', async () => {
  const world = ceilingPlane()
  const tenant = await world.addTenant(10)
  const { deps } = world.plane
  const commit = deps.store.commit
  let late: (() => Promise<unknown>) | undefined
  deps.store.commit = async (writes) => {
    if (late !== undefined || !writes.some((write) => write.op === 'put_if_absent' && write.record.kind === 'run')) return commit(writes)
    late = async () => commit(writes)
    return { ok: true }
  }
  await world.submit(tenant)
  await world.deliver()
  deps.store.commit = commit
  await setCeiling(deps, { ...tenant, max_live_attempts: 1 })
  await world.deliver()
  await late?.()
  expect(await ceilingOf(world.plane, tenant.workspace_id)).toMatchObject({ live: 0 })
  await world.submit(tenant)
  await world.minutes(4)
  const { live, counting_since } = await ceilingOf(world.plane, tenant.workspace_id)
  expect({ live, counting_since }).toEqual({ live: 1, counting_since: undefined })
  expect(world.findings).toEqual([])
})

/** Other settings, from the next call on. */
const deploy = (world: CeilingPlane, max_live_attempts: number): void => {
  Object.assign(world.plane.deps.deployment, { max_live_attempts })
}

test('a ceiling of the deployment that is lifted lets all who wait go on, and counts what was admitted meanwhile when it is set again', async () => {
  const world = ceilingPlane(1)
  const tenant = await world.addTenant()
  await world.submit(tenant, 'lane-0')
  await world.minutes(3)
  for (let n = 1; n < 25; n += 1) await world.submit(tenant, `lane-${n}`)
  await world.deliver()
  expect(world.live()).toHaveLength(1)
  deploy(world, 0)
  await world.minutes(4)
  expect(world.live()).toHaveLength(25)
  expect(world.journal.all('turn')).toEqual([])
  const lifted = await ceilingOf(world.plane, deployment_owner)
  expect({ live: lifted.live, lifted: lifted.lifted, due_at: lifted.due_at }).toEqual({ live: 1, lifted: true, due_at: undefined })
  deploy(world, 25)
  await world.submit(tenant, 'lane-25')
  await world.minutes(4)
  expect(await ceilingOf(world.plane, deployment_owner)).toMatchObject({ live: 25, limit: 25 })
  expect(world.live()).toHaveLength(25)
  await world.end(at(world.live(), 0))
  await world.deliver()
  expect(world.live()).toHaveLength(25)
  expect(world.findings).toEqual([])
})

test('a plane without a ceiling writes none, however often the sweep comes by', async () => {
  const world = ceilingPlane()
  await world.submit(await world.addTenant())
  await world.minutes(3)
  expect(await world.plane.deps.store.get(refs.ceiling(deployment_owner))).toBeUndefined()
})
