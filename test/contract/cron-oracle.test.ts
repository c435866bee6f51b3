/** `nextCronTime` against SPEC §5 taken literally, around every change of the offset in eleven years. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { nextCronTime } from '../../shared/domain/cron/ticks.ts'
import { offsetChanges } from '../../shared/domain/cron/zone.ts'
import { cron_expressions, zones_with_rules } from '../support/cron-expressions.ts'
import { OracleCron, OracleZone } from '../support/cron-oracle.ts'

const minute_ms = 60_000
const year_ms = 366 * 24 * 60 * minute_ms
const from_ms = Date.UTC(2016, 0, 1)
const to_ms = Date.UTC(2027, 0, 1)
/** From when on offsetChanges is compared. */
const changes_from_ms = Date.UTC(2022, 11, 1)
const expressions = 20_000

const zones = zones_with_rules.map((name) => ({ name, zone: new OracleZone(name) }))
const changes = zones.flatMap(({ name, zone }) => zone.changes(from_ms, to_ms).map((at_ms) => ({ name, zone, at_ms })))

const iso = (at_ms: number | undefined) => (at_ms === undefined ? 'never' : new Date(at_ms).toISOString())

/** An expression that is refused never happens: the oracle finds no tick of it in nine years, in which every date comes. */
const expectSame = (expr: string, oracle: OracleCron, { name, zone }: { name: string; zone: OracleZone }, ref_ms: number): void => {
  const next = nextCronTime(expr, ref_ms, name)
  const expected = oracle.next(zone, ref_ms, next ?? ref_ms + 9 * year_ms)
  if (next !== expected) expect(`${expr} in ${name} after ${iso(ref_ms)}: ${iso(next)}`).toBe(`${expr} in ${name} after ${iso(ref_ms)}: ${iso(expected)}`)
}

test(`the next tick of ${expressions} expressions in ${zones.length} zones is what minute by minute shows`, { timeout: 120_000 }, () => {
  expect(zones.length).toBeGreaterThanOrEqual(60)
  let turn = 0
  fc.assert(
    fc.property(cron_expressions, fc.integer({ min: -2_000 * minute_ms, max: 2_000 * minute_ms }), (expr, distance_ms) => {
      const oracle = new OracleCron(expr)
      // By turns, so that no change is left out.
      const change = changes[turn++ % changes.length]
      if (change === undefined) throw new Error('no changes')
      for (const ref_ms of [change.at_ms - 1, change.at_ms + distance_ms]) expectSame(expr, oracle, change, ref_ms)
    }),
    { numRuns: expressions },
  )
})

const around = ['* * * * *', '*/30 * * * *', '30 * * * *', '*/20 1-2 * * *', '0 0 * * *', '30 0,1,2,3 * * *']

test.each(around)('%s goes on rightly over every change', (expr) => {
  const oracle = new OracleCron(expr)
  for (const change of changes) {
    for (const hours of [-1, 0]) expectSame(expr, oracle, change, change.at_ms + hours * 60 * minute_ms - 1)
  }
})

test('the changes of the offset are those that the runtime tells', { timeout: 120_000 }, () => {
  for (const { name, zone } of zones) {
    expect(offsetChanges(name, changes_from_ms, to_ms), name).toEqual(
      zone.changes(changes_from_ms, to_ms).map((at_ms) => ({
        at_ms,
        before_minutes: zone.offset_ms(at_ms - 1) / minute_ms,
        after_minutes: zone.offset_ms(at_ms) / minute_ms,
      })),
    )
  }
})

test.each(['0 0 29 2 1', '0 0 29 2 *', '0 0 */29 2 MON', '59 23 31 12 *'])('the rare %s is found, years ahead', (expr) => {
  for (const change of changes.filter((_, at) => at % 97 === 0)) expectSame(expr, new OracleCron(expr), change, change.at_ms)
})
