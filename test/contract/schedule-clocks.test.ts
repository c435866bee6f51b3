/** Schedules where clocks differ, somebody breaks off, and earlier tasks are still unfinished. */
import { expect, test } from 'vitest'
import { cancelTask } from '../../shared/flows/cancel.ts'
import type { LookDeps } from '../../shared/flows/flow.ts'
import { lookAtSchedule } from '../../shared/flows/schedule-look.ts'
import { deleteSchedule, fireNow, updateSchedule } from '../../shared/flows/schedules.ts'
import { ledger, outcomes, setUp, stored, swept } from '../support/schedules.ts'

const minute_ms = 60_000
const hour_ms = 60 * minute_ms

test.each([
  ['fired', 'times are set anew', 'queue', [{ timezone: 'Europe/Berlin' }]],
  ['fired', 'it is paused and resumed', 'queue', [{ active: false }, { active: true }]],
  ['skipped', 'times are set anew', 'skip', [{ timezone: 'Europe/Berlin' }]],
] as const)('a tick that an alarm rang a little early, and that was %s, is not waited for again when %s before its time', async (end, _, overlap, changes) => {
  const { plane, name, fire } = await setUp({ overlap })
  await fireNow(plane.deps, name, 'k')
  const tick_ms = plane.deps.clock.now() + minute_ms
  plane.advance(minute_ms - 2_000)
  await fire(tick_ms)
  for (const change of changes) expect(await updateSchedule(plane.deps, name, change)).toMatchObject({ ok: true })
  expect(await stored(plane, name.schedule_id)).toMatchObject({ next_run_at: '2026-11-22T09:02:00.000Z' })
  plane.advance(2 * minute_ms)
  await swept(plane)
  expect(await outcomes(plane, name.schedule_id)).toEqual([end, end])
})

test('an entry that somebody set too late, and died, is taken out once it has rung', async () => {
  const { plane, name, fire } = await setUp()
  await updateSchedule(plane.deps, name, { prompt: 'other', cron_expr: '*/2 * * * *' })
  const dying: LookDeps = {
    ...plane.deps,
    alarm_clock: {
      set: async (schedule, entries) => {
        await deleteSchedule(plane.deps, name)
        await plane.deliver()
        expect(plane.alarms.get(name.schedule_id)).toEqual([])
        await plane.deps.alarm_clock.set(schedule, entries)
        throw new Error('died')
      },
    },
  }
  await lookAtSchedule(dying, name)
  plane.signals.length = 0
  expect(plane.alarms.get(name.schedule_id)).toHaveLength(1)
  expect(await stored(plane, name.schedule_id)).not.toHaveProperty('due_at')
  plane.advance(minute_ms)
  await fire()
  await swept(plane)
  expect(plane.alarms.get(name.schedule_id)).toEqual([])
  expect(await stored(plane, name.schedule_id)).not.toHaveProperty('due_at')
})

test('entries that were set while the schedule changed are set once more', async () => {
  const { plane, name } = await setUp()
  await updateSchedule(plane.deps, name, { cron_expr: '*/2 * * * *' })
  const overtaken: LookDeps = {
    ...plane.deps,
    alarm_clock: {
      set: async (schedule, entries) => {
        if ((await stored(plane, name.schedule_id)).status !== 'deleted') await deleteSchedule(plane.deps, name)
        await plane.deps.alarm_clock.set(schedule, entries)
      },
    },
  }
  plane.signals.length = 0
  await lookAtSchedule(overtaken, name)
  expect(plane.alarms.get(name.schedule_id)).toEqual([])
})

test('alarms are set within two minutes where the doorbell is lost', async () => {
  const { plane, name } = await setUp({ cron_expr: '0 12 * * *' })
  await updateSchedule(plane.deps, name, { cron_expr: '0 13 * * *' })
  plane.signals.length = 0
  plane.advance(minute_ms)
  await swept(plane)
  expect(plane.alarms.get(name.schedule_id)).toMatchObject([{ expression: 'cron(0 13 * * ? *)' }])
})

test('the alarms of a deleted schedule are taken out where the doorbell is lost', async () => {
  const { plane, name } = await setUp()
  await deleteSchedule(plane.deps, name)
  plane.signals.length = 0
  plane.advance(minute_ms)
  await swept(plane)
  expect(plane.alarms.get(name.schedule_id)).toEqual([])
})

test('a schedule that is paused after an outage gives a row to all that was due, in bounded commits', async () => {
  const { plane, name } = await setUp()
  plane.advance(200 * minute_ms)
  await updateSchedule(plane.deps, name, { active: false })
  expect(await outcomes(plane, name.schedule_id)).toHaveLength(200)
})

test('a change that is made while a tick fires is kept', async () => {
  const { plane, name, fire } = await setUp()
  plane.advance(minute_ms)
  const overtaken: LookDeps = {
    ...plane.deps,
    store: {
      ...plane.deps.store,
      getMany: async (wanted) => {
        if ((await stored(plane, name.schedule_id)).overlap === 'queue')
          await updateSchedule({ ...plane.deps, clock: { now: () => 0 } }, name, { overlap: 'skip' })
        return plane.deps.store.getMany(wanted)
      },
    },
  }
  await fire(plane.deps.clock.now(), overtaken)
  expect(await stored(plane, name.schedule_id)).toMatchObject({ overlap: 'skip' })
  expect(await outcomes(plane, name.schedule_id)).toEqual(['fired'])
})

test('a ring at what is no tick of an active schedule sets its entries anew, once an hour at most', async () => {
  const { plane, name, fire } = await setUp({ cron_expr: '0 12 * * *' })
  plane.advance(hour_ms - 1)
  await fire()
  expect(await stored(plane, name.schedule_id)).toMatchObject({ alarm: { revision: 1 } })
  plane.advance(1)
  await fire()
  await plane.deliver()
  expect(await stored(plane, name.schedule_id)).toMatchObject({ alarm: { revision: 2, set: 2 } })
  await fire()
  expect(await stored(plane, name.schedule_id)).toMatchObject({ alarm: { revision: 2, set: 2 } })
  plane.advance(2 * hour_ms)
  await fire(Date.parse('2026-11-22T12:00:00Z'))
  await fire(Date.parse('2026-11-22T12:00:00Z'))
  expect(await stored(plane, name.schedule_id)).toMatchObject({ alarm: { revision: 2 } })
})

test('overlap skip asks for every task of the schedule that is not over, not for the latest alone', async () => {
  const { plane, name, fire } = await setUp({ overlap: 'queue' })
  for (let times = 0; times < 2; times += 1) {
    plane.advance(minute_ms)
    await fire()
  }
  const [, latest] = (await ledger(plane, name.schedule_id)).flatMap(({ end }) => (end.outcome === 'fired' ? [end.task_id] : []))
  if (latest === undefined) throw new Error('not fired')
  await cancelTask(plane.deps, { workspace_id: plane.workspace_id, task_id: latest })
  await updateSchedule(plane.deps, name, { overlap: 'skip' })
  plane.advance(minute_ms)
  await fire()
  expect(await outcomes(plane, name.schedule_id)).toEqual(['fired', 'fired', 'skipped'])
})

test('overlap skip asks for a task that was fired by hand', async () => {
  const { plane, name, fire } = await setUp({ overlap: 'skip' })
  const by_hand = await fireNow(plane.deps, name, 'k')
  if (!by_hand.ok) throw new Error(by_hand.detail)
  plane.advance(minute_ms)
  await fire()
  await cancelTask(plane.deps, { workspace_id: plane.workspace_id, task_id: by_hand.value.task.id })
  plane.advance(minute_ms)
  await fire()
  expect(await outcomes(plane, name.schedule_id)).toEqual(['skipped', 'fired'])
})

test('overlap cancel_previous cancels every task that is not over, one a commit, and then fires once', async () => {
  const { plane, name, fire } = await setUp({ overlap: 'queue' })
  for (let times = 0; times < 7; times += 1) {
    plane.advance(minute_ms)
    await fire()
    await plane.deliver()
  }
  await updateSchedule(plane.deps, name, { overlap: 'cancel_previous' })
  plane.advance(minute_ms)
  let commits = 0
  const crashing: LookDeps = {
    ...plane.deps,
    store: {
      ...plane.deps.store,
      commit: async (writes) => {
        commits += 1
        if (commits % 3 === 0) throw new Error('crash')
        return plane.deps.store.commit(writes)
      },
    },
  }
  for (let looks = 0; looks < 10; looks += 1) await lookAtSchedule(crashing, name).catch(() => undefined)
  const tasks = (await ledger(plane, name.schedule_id)).flatMap(({ end }) => (end.outcome === 'fired' ? [end.task_id] : []))
  expect(tasks).toHaveLength(8)
  const states = await Promise.all(tasks.map(async (id) => (await plane.task(id)).state))
  // The first two were forgotten: a schedule knows of its five newest.
  expect(states).toEqual(['running', 'queued', ...Array<string>(5).fill('cancelled'), 'queued'])
})
