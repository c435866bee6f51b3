/** Ceilings of workspaces and of the deployment: exact at every commit, fair, and never stuck. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { isLive } from '../../shared/domain/run.ts'
import { setCeiling } from '../../shared/flows/ceilings.ts'
import { refs } from '../../shared/store/keys.ts'
import { ceilingOf, ceilingPlane, type CeilingPlane, type Tenant } from '../support/ceilings.ts'
import { at } from '../support/looks.ts'

const liveOf = (world: CeilingPlane, tenant: Tenant) => world.live().filter((sandbox) => sandbox.workspace_id === tenant.workspace_id)
const endFirst = async (world: CeilingPlane) => {
  await world.end(at(world.live(), 0))
  await world.deliver()
}
const stateOf = async (world: CeilingPlane, task: { readonly workspace_id: string; readonly id: string }) =>
  (await world.plane.deps.store.get(refs.task(task.workspace_id, task.id)))?.state

test('a workspace has no more live attempts than its ceiling, whatever its classes allow, and all of them run in the end', async () => {
  const world = ceilingPlane()
  const tenant = await world.addTenant()
  await setCeiling(world.plane.deps, { ...tenant, max_live_attempts: 3 })
  await world.minutes(2)
  for (let n = 0; n < 12; n += 1) await world.submit(tenant, `lane-${n % 4}`)
  for (let n = 0; n < 5; n += 1) await world.submit(tenant)
  await world.deliver()
  expect(world.live()).toHaveLength(3)
  for (let ended = 0; ended < 17; ended += 1) {
    expect(world.live().length).toBe(Math.min(3, 17 - ended))
    await endFirst(world)
  }
  expect(world.journal.all('task').every((task) => task.state === 'done')).toBe(true)
  expect(world.findings).toEqual([])
  await world.minutes(2)
  expect(await ceilingOf(world.plane, tenant.workspace_id)).toMatchObject({ live: 0 })
  expect((await ceilingOf(world.plane, tenant.workspace_id)).due_at).toBeUndefined()
  expect(world.journal.all('turn')).toEqual([])
})

test('a ceiling that is set while attempts are live counts them first, and admits nothing until it has', async () => {
  const world = ceilingPlane()
  const tenant = await world.addTenant(10)
  for (let n = 0; n < 12; n += 1) await world.submit(tenant)
  await world.deliver()
  expect(world.live()).toHaveLength(10)
  await setCeiling(world.plane.deps, { ...tenant, max_live_attempts: 4 })
  await world.deliver()
  expect(await ceilingOf(world.plane, tenant.workspace_id)).toMatchObject({ live: 10, counting_since: expect.any(String) })
  for (let n = 0; n < 8; n += 1) await world.end(at(world.live(), 0))
  await world.deliver()
  expect(world.live()).toHaveLength(2)
  await world.minutes(3)
  expect(world.live()).toHaveLength(4)
  expect(world.findings).toEqual([])
})

test('a ceiling that is raised starts what waits at once, one that is lowered holds from then on, one that is taken back is gone', async () => {
  const world = ceilingPlane()
  const tenant = await world.addTenant()
  const set = async (max_live_attempts: number | null) => {
    await setCeiling(world.plane.deps, { ...tenant, max_live_attempts })
    await world.deliver()
  }
  await set(2)
  await world.minutes(2)
  for (let n = 0; n < 20; n += 1) await world.submit(tenant, `lane-${n}`)
  await world.deliver()
  expect(world.live()).toHaveLength(2)
  await set(6)
  expect(world.live()).toHaveLength(6)
  await set(1)
  for (let n = 0; n < 5; n += 1) await endFirst(world)
  expect(world.live()).toHaveLength(1)
  await set(null)
  expect(world.live()).toHaveLength(15)
  expect(world.journal.all('turn')).toEqual([])
  await set(15)
  await world.minutes(3)
  expect(await ceilingOf(world.plane, tenant.workspace_id)).toMatchObject({ live: 15 })
  expect(world.findings).toEqual([])
})

test("one workspace's 10,000 tasks in line do not delay another's first", { timeout: 300_000 }, async () => {
  const world = ceilingPlane(3, false)
  const [busy, other] = [await world.addTenant(), await world.addTenant()]
  await world.submit(busy)
  await world.minutes(3)
  for (let n = 0; n < 9_999; n += 1) {
    await world.submit(busy, n % 10 === 0 ? `lane-${n % 100}` : undefined)
    world.plane.signals.splice(200)
  }
  await world.deliver()
  expect(liveOf(world, busy)).toHaveLength(3)
  const first = await world.submit(other)
  await world.deliver()
  let freed = 0
  for (; (await stateOf(world, first)) === 'queued' && freed < 10; freed += 1) await endFirst(world)
  expect(freed).toBeLessThanOrEqual(2)
  expect(world.live()).toHaveLength(3)
})

test('workspaces take turns, however many classes one has in line, and no class of one starves', async () => {
  const world = ceilingPlane(2)
  const tenants = [await world.addTenant(), await world.addTenant(), await world.addTenant()]
  await world.submit(at(tenants, 0))
  await world.minutes(3)
  for (let n = 0; n < 30; n += 1) await world.submit(at(tenants, 0), `lane-${n % 10}`)
  for (const tenant of tenants.slice(1)) for (let n = 0; n < 6; n += 1) await world.submit(tenant)
  await world.deliver()
  const started: string[] = []
  const seen = new Set(world.live().map((sandbox) => sandbox.attempt_id))
  while (world.live().length > 0) {
    await endFirst(world)
    for (const sandbox of world.live().filter((one) => !seen.has(one.attempt_id))) {
      seen.add(sandbox.attempt_id)
      started.push(sandbox.workspace_id)
    }
  }
  const early = started.slice(0, 15)
  for (const tenant of tenants) expect(early.filter((workspace_id) => workspace_id === tenant.workspace_id).length).toBeGreaterThanOrEqual(4)
  expect(world.journal.all('task').every((task) => task.state === 'done')).toBe(true)
  expect(world.findings).toEqual([])
})

test('a place that was freed is found by its due time, should every doorbell be lost', async () => {
  const world = ceilingPlane(1)
  const tenant = await world.addTenant()
  await world.submit(tenant, 'a')
  await world.minutes(3)
  const next = await world.submit(tenant, 'b')
  await world.deliver()
  await world.end(at(world.live(), 0))
  world.plane.signals.splice(0)
  await world.minutes(2)
  expect(await stateOf(world, next)).toBe('running')
})

test('one place that is freed wakes one class, not all that wait', async () => {
  const world = ceilingPlane(1)
  const tenant = await world.addTenant()
  await world.submit(tenant)
  await world.minutes(3)
  for (let n = 0; n < 40; n += 1) await world.submit(tenant, `lane-${n}`)
  await world.deliver()
  expect(world.journal.all('turn')).toHaveLength(40)
  const step = world.journal.step()
  await endFirst(world)
  expect(world.live()).toHaveLength(1)
  expect(world.journal.step() - step).toBeLessThanOrEqual(6)
})

const acts = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ act: fc.constant('submit' as const), tenant: fc.nat(2), lane: fc.nat(3) }) },
    { weight: 6, arbitrary: fc.record({ act: fc.constant('end' as const), which: fc.nat(20) }) },
    { weight: 4, arbitrary: fc.record({ act: fc.constant('deliver' as const), lost: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.record({ act: fc.constant('minute' as const) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('ceiling' as const), tenant: fc.nat(2), limit: fc.option(fc.nat(3)) }) },
  ),
  { minLength: 20, maxLength: 60 },
)

test('whatever happens, ceilings hold at every commit, counts are exact, and in the end all has run', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(acts, fc.nat(3), async (steps, deployment) => {
      const world = ceilingPlane(deployment)
      const tenants = [await world.addTenant(2), await world.addTenant(), await world.addTenant()]
      for (const step of steps) {
        if (step.act === 'submit') await world.submit(at(tenants, step.tenant), step.lane === 0 ? undefined : `lane-${step.lane}`)
        if (step.act === 'end' && world.live().length > 0) await world.end(at(world.live(), step.which % world.live().length))
        if (step.act === 'deliver') {
          if (step.lost === 0) world.plane.signals.splice(0, 1)
          await world.deliver()
        }
        if (step.act === 'minute') await world.minutes(1)
        if (step.act === 'ceiling') await setCeiling(world.plane.deps, { ...at(tenants, step.tenant), max_live_attempts: step.limit })
        expect(world.findings).toEqual([])
      }
      for (const tenant of tenants) {
        const gate = await world.plane.deps.store.get(refs.gate(tenant.workspace_id))
        if (gate?.max_live_attempts === 0) await setCeiling(world.plane.deps, { ...tenant, max_live_attempts: 1 })
      }
      for (let minute = 0; minute < 300 && world.journal.all('task').some((task) => task.state !== 'done'); minute += 1) {
        for (const sandbox of world.live()) await world.end(sandbox)
        world.plane.signals.splice(0)
        await world.minutes(1)
      }
      expect(world.journal.all('task').filter((task) => task.state !== 'done')).toEqual([])
      expect(world.journal.all('run').filter((run) => isLive(run.attempt))).toEqual([])
      expect(world.journal.all('ceiling').filter((ceiling) => ceiling.live !== 0)).toEqual([])
      expect(world.findings).toEqual([])
    }),
    { numRuns: Number(process.env.LANEKEEPER_SEEDS ?? 60) },
  )
})
