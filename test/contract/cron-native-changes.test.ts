/** Native entries around every change of an offset: they ring at nothing that is no tick, or harmlessly so, and the sweep fires the ticks at which they do not. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCron } from '../../shared/domain/cron/cron.ts'
import { nativeCrons } from '../../shared/domain/cron/native.ts'
import { createSchedule } from '../../shared/flows/schedules.ts'
import { fireSchedule } from '../../shared/flows/schedule-fire.ts'
import { millis } from '../../shared/domain/time.ts'
import { cron_expressions, zones_with_rules } from '../support/cron-expressions.ts'
import { OracleCron, OracleZone } from '../support/cron-oracle.ts'
import { ringsOf } from '../support/native-entry.ts'
import { testPlane } from '../support/plane.ts'
import { created_by, ledger, swept } from '../support/schedules.ts'

const minute_ms = 60_000
const hour_ms = 60 * minute_ms
const zones = zones_with_rules.map((name) => ({ name, zone: new OracleZone(name) }))
const changes = zones.flatMap(({ name, zone }) => zone.changes(Date.UTC(2016, 0, 1), Date.UTC(2027, 0, 1)).map((at_ms) => ({ name, zone, at_ms })))

test('around a change of the offset an entry rings at ticks only, if it rings in the first pass', { timeout: 120_000 }, () => {
  let turn = 0
  let rung = 0
  fc.assert(
    fc.property(cron_expressions, (expr) => {
      const cron = parseCron(expr)
      const entries = cron.ok ? (nativeCrons(cron.value) ?? []) : []
      const change = changes[turn++ % changes.length]
      if (change === undefined) throw new Error('no changes')
      const oracle = new OracleCron(expr)
      const rings = entries.flatMap((entry) => ringsOf(entry, change.zone, change.at_ms - 4 * hour_ms, change.at_ms + 4 * hour_ms, 'first'))
      rung += rings.length
      for (const ring_ms of rings) {
        if (!oracle.isTick(change.zone, ring_ms)) expect(`${expr} in ${change.name} at ${new Date(ring_ms).toISOString()}`).toBe('no tick')
      }
    }),
    { numRuns: 1_500 },
  )
  expect(rung).toBeGreaterThan(3_000)
})

/** One row for each tick, fired within two minutes, whichever pass the entries ring in. */
const throughTheChange = async (expr: string, timezone: string, at_ms: number, pass: 'first' | 'second') => {
  const [zone, oracle] = [new OracleZone(timezone), new OracleCron(expr)]
  const [from_ms, to_ms] = [at_ms - 3 * hour_ms + minute_ms / 2, at_ms + 4 * hour_ms]
  const plane = testPlane()
  plane.advance(from_ms - plane.deps.clock.now())
  const agent = await plane.makeAgent()
  const made = await createSchedule(plane.deps, plane.workspace_id, {
    agent_id: agent.id,
    cron_expr: expr,
    timezone,
    prompt: 'Look',
    skill_paths: [],
    overlap: 'queue',
    catchup_window_ms: 10 * minute_ms,
    active: true,
    created_by,
  })
  if (!made.ok) throw new Error(made.detail)
  const name = { workspace_id: plane.workspace_id, schedule_id: made.value.id }
  await plane.deliver()
  const entries = plane.alarms.get(made.value.id) ?? []
  const rings = new Set(entries.flatMap(({ expression }) => ringsOf(expression, zone, from_ms, to_ms, pass)))
  for (let now_ms = Math.ceil(from_ms / minute_ms) * minute_ms; now_ms <= to_ms + 2 * minute_ms; now_ms += minute_ms) {
    plane.advance(now_ms - plane.deps.clock.now())
    if (rings.has(now_ms)) await fireSchedule(plane.deps, { ...name, scheduled_at_ms: now_ms })
    plane.advance(minute_ms / 2)
    await swept(plane)
    await plane.deliver()
  }
  const rows = await ledger(plane, made.value.id)
  expect(rows.map(({ tick_at }) => millis(tick_at))).toEqual(oracle.between(zone, from_ms, to_ms))
  expect(rows.map(({ end }) => [end.outcome, end.reason].join())).toEqual(rows.map(() => 'fired,on_time'))
  return { ticks: rows.length, by_alarm: rows.filter(({ tick_at, decided_at }) => tick_at === decided_at).length }
}

test.each([
  ['30 2 * * *', 'Europe/Berlin', '2026-03-29T01:00Z', { first: [0, 0], second: [0, 0] }],
  ['30 2 * * *', 'Europe/Berlin', '2026-10-25T01:00Z', { first: [1, 1], second: [1, 0] }],
  ['*/30 2 * * *', 'Europe/Berlin', '2026-10-25T01:00Z', { first: [4, 2], second: [4, 2] }],
  ['*/15 * * * *', 'Europe/Berlin', '2026-10-25T01:00Z', { first: [28, 24], second: [28, 24] }],
  ['45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T15:00Z', { first: [1, 1], second: [1, 0] }],
  ['*/10 1 * * *', 'Australia/Lord_Howe', '2026-04-04T15:00Z', { first: [9, 6], second: [9, 6] }],
  ['0 0 * * *', 'America/Havana', '2026-03-08T05:00Z', { first: [0, 0], second: [0, 0] }],
  ['30 0 * * *', 'America/Havana', '2026-11-01T05:00Z', { first: [1, 1], second: [1, 0] }],
  ['0 0 1 * SUN', 'America/Havana', '2026-11-01T05:00Z', { first: [1, 1], second: [1, 0] }],
  ['30 1,2 * * *', 'Europe/Berlin', '2026-10-25T01:00Z', { first: [2, 2], second: [2, 1] }],
] as const)('%s in %s through the change of %s has one row for each tick', async (expr, zone, at, expected) => {
  for (const pass of ['first', 'second'] as const) {
    const { ticks, by_alarm } = await throughTheChange(expr, zone, Date.parse(at), pass)
    expect([ticks, by_alarm], pass).toEqual(expected[pass])
  }
})
