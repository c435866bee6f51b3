/**
 * Ten years of schedules: of each tick there is one row, `fired` rows and tasks match one to one, nothing is fired twice. What should have been is reckoned minute by
 * minute from the words of SPEC §5. `npm run test:ticks` runs more of them.
 */
import { expect, test } from 'vitest'
import { OracleCron, OracleZone } from '../../support/cron-oracle.ts'
import type { Ledger, Life } from './ledger.ts'
import { runYears } from './years.ts'

const from_ms = Date.parse('2016-01-01T00:00:00Z')
const to_ms = Date.parse('2026-01-01T00:00:00Z')
const schedules = Number(process.env['LANEKEEPER_TICK_SCHEDULES'] ?? 200)
const seed = Number(process.env['LANEKEEPER_SEED'] ?? 1)
/** What was due in the last days may still be in an outage. */
const settled_ms = to_ms - 5 * 86_400_000

const zones = new Map<string, OracleZone>()
const zoneOf = (name: string): OracleZone => {
  const zone = zones.get(name) ?? new OracleZone(name)
  zones.set(name, zone)
  return zone
}
const nominalOf = ({ cron_expr, timezone, from_ms: after_ms, to_ms: until_ms }: Life): readonly number[] =>
  new OracleCron(cron_expr).between(zoneOf(timezone), after_ms, Math.min(until_ms, settled_ms))

const iso = (at_ms: number): string => new Date(at_ms).toISOString()

/** What is wrong with the rows of one schedule. */
const wrongRows = ({ rows, lives }: Ledger, schedule_id: string): readonly string[] => {
  const own = [...(rows.get(schedule_id)?.keys() ?? [])].filter((tick_ms) => tick_ms <= settled_ms)
  const nominal = new Set((lives.get(schedule_id) ?? []).flatMap(nominalOf))
  const without = [...nominal].filter((tick_ms) => rows.get(schedule_id)?.has(tick_ms) !== true)
  const extra = own.filter((tick_ms) => !nominal.has(tick_ms))
  return [
    ...without.map((tick_ms) => `${schedule_id} has no row for ${iso(tick_ms)}`),
    ...extra.map((tick_ms) => `${schedule_id} has a row for ${iso(tick_ms)}`),
  ]
}

/** A row that says fired and the task that it names, both ways. */
const wrongTasks = ({ rows, made }: Ledger): readonly string[] => {
  const named = [...rows].flatMap(([schedule_id, own]) => [...own].map(([tick_ms, end]) => ({ schedule_id, tick_ms, end })))
  const fired = named.filter(({ end }) => end.startsWith('task_'))
  const of_rows = fired.filter(({ schedule_id, tick_ms, end }) => made.get(end)?.schedule_id !== schedule_id || made.get(end)?.tick_ms !== tick_ms)
  const of_tasks = [...made].filter(([task_id, { schedule_id, tick_ms }]) => rows.get(schedule_id)?.get(tick_ms) !== task_id)
  return [...of_rows.map(({ end, tick_ms }) => `${end} is not of ${iso(tick_ms)}`), ...of_tasks.map(([task_id]) => `no row names ${task_id}`)]
}

test(`ten years of ${schedules} schedules leave one row for each tick, and one task for each that fired`, { timeout: 3_600_000 }, async () => {
  const { ledger, edits, outages } = await runYears({ seed, schedules, from_ms, to_ms })
  const ends = [...ledger.rows.values()].flatMap((own) => [...own.values()].map((end) => (end.startsWith('task_') ? 'fired' : end)))
  const counts = [...Map.groupBy(ends, (end) => end)].map(([end, all]) => `${all.length} ${end}`).join(', ')
  console.log(`seed ${seed}: ${ends.length} ticks, ${counts}; ${edits} edits in flight, ${outages} outages`)
  expect(ledger.wrongs).toEqual([])
  expect([...ledger.lives.keys()].flatMap((schedule_id) => wrongRows(ledger, schedule_id))).toEqual([])
  expect(wrongTasks(ledger)).toEqual([])
  expect(ends.length).toBeGreaterThan(schedules * 100)
  for (const end of ['fired', 'missed', 'coalesced', 'skipped']) expect(ends).toContain(end)
})
