/** Schedules over the memory store: alarms, sweeps, outages, edits, and what is left of them. */
import { expect, test } from 'vitest'
import { deleteAgent } from '../../shared/flows/agents.ts'
import { lookAtSchedule } from '../../shared/flows/schedule-look.ts'
import { deleteSchedule, fireNow, updateSchedule } from '../../shared/flows/schedules.ts'
import { sweep } from '../../shared/flows/sweep.ts'
import { refs } from '../../shared/store/keys.ts'
import { CommandParams } from '../../shared/domain/command.ts'
import { acceptCommand } from '../../shared/flows/accept.ts'
import type { LookDeps } from '../../shared/flows/flow.ts'
import { dispositionsOf, sendTo, valueOf } from '../support/inputs.ts'
import { at, boom } from '../support/looks.ts'
import { ledger, outcomes, setUp, stored, swept } from '../support/schedules.ts'

const minute_ms = 60_000

test('a new schedule has its alarm set by the doorbell', async () => {
  const { plane, name } = await setUp()
  expect(plane.alarms.get(name.schedule_id)).toEqual([{ name: `${name.schedule_id}-1`, expression: 'cron(* * * * ? *)', timezone: 'UTC', once: false }])
  expect(await stored(plane, name.schedule_id)).toMatchObject({ alarm: { revision: 1, set: 1 }, due_at: '2026-11-22T09:01:30.000Z' })
})

test('an alarm fires the tick once, however often and by whomever it rings', async () => {
  const { plane, name, fire } = await setUp()
  plane.advance(minute_ms)
  const results = await Promise.all([fire(), fire(), lookAtSchedule(plane.deps, name), fire()])
  expect(results.flatMap((result) => result?.fired ?? []).length).toBeLessThanOrEqual(1)
  const [row, ...others] = await ledger(plane, name.schedule_id)
  expect(others).toEqual([])
  expect(row).toMatchObject({ tick_at: '2026-11-22T09:01:00.000Z', end: { outcome: 'fired', reason: 'on_time' } })
  if (row?.end.outcome !== 'fired') throw new Error('not fired')
  expect(await plane.task(row.end.task_id)).toMatchObject({
    state: 'queued',
    session_id: `schedule-session:${name.schedule_id}:${Date.parse(row.tick_at) / 1_000}`,
  })
  await plane.deliver()
  expect(plane.sandboxes).toHaveLength(1)
})

test('an early alarm fires within the tolerance of clocks, and changes nothing before it', async () => {
  const { plane, name, fire } = await setUp()
  const tick_ms = plane.deps.clock.now() + minute_ms
  await fire(tick_ms)
  expect(await outcomes(plane, name.schedule_id)).toEqual([])
  plane.advance(minute_ms - 2_000)
  await fire(tick_ms)
  await fire(tick_ms)
  expect(await outcomes(plane, name.schedule_id)).toEqual(['fired'])
  expect(await stored(plane, name.schedule_id)).toMatchObject({ next_run_at: '2026-11-22T09:02:00.000Z' })
})

test('the sweep fires what the alarm clock did not, within two minutes', async () => {
  const { plane, name } = await setUp()
  plane.advance(minute_ms + 29_999)
  await swept(plane)
  expect(await outcomes(plane, name.schedule_id)).toEqual([])
  plane.advance(1)
  await swept(plane)
  expect(await outcomes(plane, name.schedule_id)).toEqual(['fired'])
})

test('three days without the plane are recorded in bounded commits, and go on after a crash', async () => {
  const { plane, name } = await setUp()
  let commits = 0
  const crashing: LookDeps = {
    ...plane.deps,
    store: {
      ...plane.deps.store,
      commit: async (writes) => {
        expect(writes.length).toBeLessThanOrEqual(100)
        commits += 1
        if (commits % 7 === 0) throw new Error('crash')
        return plane.deps.store.commit(writes)
      },
    },
  }
  plane.advance(3 * 24 * 60 * minute_ms)
  for (let looks = 0; looks < 40; looks += 1) await lookAtSchedule(crashing, name).catch(() => undefined)
  const rows = await ledger(plane, name.schedule_id)
  expect(rows.length).toBe(4_320)
  expect(new Set(rows.map(({ tick_at }) => tick_at)).size).toBe(4_320)
  expect(rows.map(({ end }) => end.outcome)).toEqual([...Array<string>(4_309).fill('missed'), ...Array<string>(11).fill('fired')])
  expect(await stored(plane, name.schedule_id)).toMatchObject({ next_run_at: '2026-11-25T09:01:00.000Z' })
})

test('overlap skip asks for the task of the last fire, cancel_previous cancels it', async () => {
  for (const [overlap, expected] of [
    ['skip', ['fired', 'skipped', 'fired']],
    ['cancel_previous', ['fired', 'fired', 'fired']],
  ] as const) {
    const { plane, name, fire } = await setUp({ overlap })
    plane.advance(minute_ms)
    await fire()
    await plane.deliver()
    const [sandbox] = plane.sandboxes
    if (sandbox === undefined) throw new Error('no sandbox')
    await plane.claim(sandbox)
    plane.advance(minute_ms)
    await fire()
    const [first] = await ledger(plane, name.schedule_id)
    if (first?.end.outcome !== 'fired') throw new Error('not fired')
    const run = await plane.run(sandbox.run_id)
    expect(run.attempt.status).toBe(overlap === 'skip' ? 'running' : 'stopping')
    await plane.finish(sandbox)
    plane.advance(minute_ms)
    await fire()
    expect(await outcomes(plane, name.schedule_id)).toEqual(expected)
  }
})

test('a task that cancel_previous ends between two attempts takes with it what was said to it', async () => {
  const { plane, name, fire } = await setUp({ overlap: 'cancel_previous' })
  plane.advance(minute_ms)
  await fire()
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 0)
  await plane.claim(sandbox)
  valueOf(await sendTo(plane, sandbox.run_id, 'more'))
  await plane.finish(sandbox, { outcome: 'error', error: boom })
  plane.advance(minute_ms)
  await fire()
  expect(await outcomes(plane, name.schedule_id)).toEqual(['fired', 'fired'])
  const { task_id, status } = await plane.run(sandbox.run_id)
  expect(status).toBe('cancelled')
  expect(await dispositionsOf(plane, task_id)).toEqual([{ kind: 'rejected', reason: 'run_cancelled' }])
})

test('a paused schedule has no ticks; what was due is skipped, and it goes on from now', async () => {
  const { plane, name, fire } = await setUp()
  plane.advance(minute_ms)
  expect(await updateSchedule(plane.deps, name, { active: false })).toMatchObject({ ok: true, value: { status: 'paused', paused_reason: 'by_request' } })
  await plane.deliver()
  expect(plane.alarms.get(name.schedule_id)).toEqual([])
  plane.advance(10 * minute_ms)
  await fire()
  await swept(plane)
  expect((await ledger(plane, name.schedule_id)).map(({ end }) => end)).toEqual([{ outcome: 'skipped', reason: 'paused' }])
  expect(await updateSchedule(plane.deps, name, { active: true })).toMatchObject({ ok: true, value: { next_run_at: '2026-11-22T09:12:00.000Z' } })
  await plane.deliver()
  expect(plane.alarms.get(name.schedule_id)).toHaveLength(1)
})

test('ticks that are due when a schedule is changed end as what it was', async () => {
  const { plane, name } = await setUp()
  plane.advance(minute_ms)
  expect(await updateSchedule(plane.deps, name, { cron_expr: '0 12 * * *', timezone: 'Europe/Berlin' })).toMatchObject({
    value: { next_run_at: '2026-11-22T11:00:00.000Z' },
  })
  expect(await outcomes(plane, name.schedule_id)).toEqual(['fired'])
  await plane.deliver()
  expect(plane.alarms.get(name.schedule_id)).toMatchObject([{ expression: 'cron(0 12 * * ? *)', timezone: 'Europe/Berlin' }])
})

test('deleting a schedule while it fires leaves one row for each task, no alarm, and nothing due', async () => {
  const { plane, name, fire } = await setUp()
  plane.advance(minute_ms)
  const [fired] = await Promise.all([fire(), deleteSchedule(plane.deps, name)])
  await plane.deliver()
  await fire()
  await plane.deliver()
  const rows = await ledger(plane, name.schedule_id)
  expect(rows).toHaveLength(1)
  expect(rows[0]?.end.outcome).toBe(fired.fired.length === 1 ? 'fired' : 'skipped')
  expect(plane.alarms.get(name.schedule_id)).toEqual([])
  expect(await stored(plane, name.schedule_id)).not.toHaveProperty('due_at')
  expect(await updateSchedule(plane.deps, name, { prompt: 'x' })).toMatchObject({ ok: false, code: 'not_found' })
})

test('an agent with an active schedule is not deleted, unless it is told to cancel: then the schedule is paused', async () => {
  const { plane, agent, name, fire } = await setUp()
  const agent_name = { workspace_id: plane.workspace_id, agent_id: agent.id }
  expect(await deleteAgent(plane.deps, agent_name, { cancel: false })).toMatchObject({ ok: false, code: 'agent_busy' })
  plane.advance(minute_ms)
  await Promise.all([fire(), deleteAgent(plane.deps, agent_name, { cancel: true }).catch(() => undefined)])
  expect(await stored(plane, name.schedule_id)).toMatchObject({ status: 'paused', paused_reason: 'agent_deleted' })
  await plane.deliver()
  const [row, ...others] = await ledger(plane, name.schedule_id)
  expect(others).toEqual([])
  if (row?.end.outcome === 'fired') expect(await plane.task(row.end.task_id)).toMatchObject({ state: expect.stringMatching(/^(cancelled|dropped)$/) })
  expect(plane.sandboxes.filter(({ state }) => state !== 'stopped')).toEqual([])
})

test('a command that is refused ends the tick as skipped, and the next one fires', async () => {
  const { plane, agent, name, fire } = await setUp()
  const record = await plane.deps.store.get(refs.agent(plane.workspace_id, agent.id))
  if (record === undefined) throw new Error('no agent')
  await plane.deps.store.commit([{ op: 'replace_if_version', record: { ...record, active: false } }])
  plane.advance(minute_ms)
  await fire()
  await plane.deps.store.commit([{ op: 'replace_if_version', record: { ...record, version: record.version + 1 } }])
  plane.advance(minute_ms)
  await fire()
  expect((await ledger(plane, name.schedule_id)).map(({ end }) => end)).toMatchObject([
    { outcome: 'skipped', reason: 'refused', refusal: { code: 'agent_inactive' } },
    { outcome: 'fired' },
  ])
})

test('a client that took the key of a tick before does not hold the schedule up', async () => {
  const { plane, agent, name, fire } = await setUp()
  plane.advance(minute_ms)
  const idempotency_key = `schedule:${name.schedule_id}:${plane.deps.clock.now() / 1_000}`
  const taken = await acceptCommand(plane.deps, {
    workspace_id: plane.workspace_id,
    params: CommandParams.parse({ message: 'x', agent_id: agent.id, idempotency_key }),
    body_hash: 'x',
  })
  await fire()
  const [row] = await ledger(plane, name.schedule_id)
  expect(row?.end).toMatchObject({ outcome: 'fired', task_id: taken.ok ? taken.value.task.id : '' })
})

test('noise fires nothing and loses nothing', async () => {
  const { plane, name, fire } = await setUp()
  plane.advance(minute_ms)
  const noisy: LookDeps = { ...plane.deps, store: { ...plane.deps.store, commit: async () => Promise.reject(new Error('throttled')) } }
  await expect(fire(plane.deps.clock.now(), noisy)).rejects.toThrow('throttled')
  expect(await outcomes(plane, name.schedule_id)).toEqual([])
  plane.advance(30_000)
  await swept(plane)
  expect(await outcomes(plane, name.schedule_id)).toEqual(['fired'])
})

test('an alarm clock that does not answer is set again, and the sweep fires meanwhile', async () => {
  const { plane, name } = await setUp({ cron_expr: '*/2 * * * *' })
  const silent: LookDeps = { ...plane.deps, alarm_clock: { set: async () => Promise.reject(new Error('down')) } }
  await updateSchedule(plane.deps, name, { cron_expr: '* * * * *' })
  await lookAtSchedule(silent, name)
  expect(await stored(plane, name.schedule_id)).toMatchObject({ alarm: { revision: 2, set: 1 } })
  plane.signals.length = 0
  plane.advance(minute_ms + 30_000)
  await sweep(silent, (_, cause) => {
    throw cause
  })
  expect(await outcomes(plane, name.schedule_id)).toEqual(['fired'])
  plane.advance(minute_ms)
  await swept(plane)
  expect(await stored(plane, name.schedule_id)).toMatchObject({ alarm: { revision: 2, set: 2 } })
  expect(plane.alarms.get(name.schedule_id)).toMatchObject([{ expression: 'cron(* * * * ? *)' }])
})

test('a cron that the alarm clock cannot say has one alarm at a time', async () => {
  const { plane, name, fire } = await setUp({ cron_expr: '0 12 */2 * SUN', timezone: 'Europe/Berlin' })
  expect(plane.alarms.get(name.schedule_id)).toMatchObject([{ expression: 'at(2026-11-29T11:00:00)', timezone: 'UTC', once: true }])
  plane.advance(Date.parse('2026-11-29T11:00:00Z') - plane.deps.clock.now())
  await fire()
  await plane.deliver()
  expect(plane.alarms.get(name.schedule_id)).toMatchObject([{ expression: 'at(2026-12-13T11:00:00)' }])
})

test('fired by hand it is no tick, and a key makes one task', async () => {
  const { plane, name } = await setUp({ active: false })
  const first = await fireNow(plane.deps, name, 'k')
  const again = await fireNow(plane.deps, name, 'k')
  const other = await fireNow(plane.deps, name, undefined)
  if (!first.ok || !again.ok || !other.ok) throw new Error('refused')
  expect([again.value.task.id === first.value.task.id, again.value.idempotent_hit, again.value.idempotency_mismatch]).toEqual([true, true, false])
  expect(other.value.task.id).not.toBe(first.value.task.id)
  expect(await ledger(plane, name.schedule_id)).toEqual([])
})
