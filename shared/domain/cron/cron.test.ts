import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nextTicks, ticksOf } from '../cron-ticks.ts'
import { millis, minute_ms, timestamp } from '../time.ts'
import { calendarDay, dayNumber } from './calendar.ts'
import { parseCron } from './cron.ts'
import { nativeCrons } from './native.ts'
import { nextCronTime } from './ticks.ts'
import { isTimeZone, offsetChanges, zoneOf } from './zone.ts'

const next = (expr: string, zone: string, ref: string, count = 3): string[] => {
  const found: string[] = []
  for (let at = nextCronTime(expr, millis(ref), zone); at !== undefined && found.length < count; at = nextCronTime(expr, at, zone))
    found.push(timestamp(at).replace(':00.000Z', 'Z'))
  return found
}

test.each([
  ['0 9 * * 1-5', 'Europe/Berlin', '2026-11-20T09:00:00Z', ['2026-11-23T08:00Z', '2026-11-24T08:00Z', '2026-11-25T08:00Z']],
  ['*/15 * * * *', 'UTC', '2026-11-20T09:07:00Z', ['2026-11-20T09:15Z', '2026-11-20T09:30Z', '2026-11-20T09:45Z']],
  ['0 0 13 * FRI', 'UTC', '2026-11-01T00:00:00Z', ['2026-11-06T00:00Z', '2026-11-13T00:00Z', '2026-11-20T00:00Z']],
  ['0 0 29 2 *', 'UTC', '2026-11-01T00:00:00Z', ['2028-02-29T00:00Z', '2032-02-29T00:00Z', '2036-02-29T00:00Z']],
  ['0 0 * * 7', 'UTC', '2026-11-20T00:00:00Z', ['2026-11-22T00:00Z', '2026-11-29T00:00Z', '2026-12-06T00:00Z']],
  ['30 2 * * *', 'Europe/Berlin', '2026-03-28T00:00:00Z', ['2026-03-28T01:30Z', '2026-03-30T00:30Z', '2026-03-31T00:30Z']],
  ['30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', ['2026-10-25T00:30Z', '2026-10-26T01:30Z', '2026-10-27T01:30Z']],
  ['*/30 2 * * *', 'Europe/Berlin', '2026-10-25T00:00:00Z', ['2026-10-25T00:30Z', '2026-10-25T01:00Z', '2026-10-25T01:30Z']],
  ['0 0 * * *', 'America/Havana', '2026-03-07T12:00:00Z', ['2026-03-09T04:00Z', '2026-03-10T04:00Z', '2026-03-11T04:00Z']],
  ['0 12 30 12 *', 'Pacific/Apia', '2010-12-31T00:00:00Z', ['2012-12-29T22:00Z', '2013-12-29T22:00Z', '2014-12-29T22:00Z']],
])('%s in %s after %s', (expr, zone, ref, expected) => {
  expect(next(expr, zone, ref)).toEqual(expected)
})

test.each([
  ['0 9 * *', 'five fields'],
  ['60 * * * *', 'minute 60'],
  ['0 24 * * *', 'hour 24'],
  ['0 0 0 * *', 'day of the month 0'],
  ['0 0 * FOO *', 'month FOO'],
  ['0 0 * * 8', 'day of the week 8'],
  ['5-1 * * * *', 'minute 5-1'],
  ['*/0 * * * *', 'minute */0'],
  ['0 0 30 2 *', '30 February never happens'],
  ['0 0 31 4,6 *', '31 April never happens'],
])('%s is refused, and told why', (expr, why) => {
  expect(parseCron(expr)).toMatchObject({ ok: false, code: 'invalid_request', errors: [{ field: 'cron_expr', message: expect.stringContaining(why) }] })
})

test('a zone that does not exist is refused with the names near it, and is UTC for the next time', () => {
  expect(ticksOf('0 9 * * *', 'Europe/Berln')).toMatchObject({ ok: false, errors: [{ field: 'timezone', allowed: expect.arrayContaining(['Europe/Berlin']) }] })
  expect(isTimeZone('+01:00')).toBe(false)
  expect(next('0 9 * * *', 'Mars/Olympus', '2026-11-20T00:00:00Z', 1)).toEqual(['2026-11-20T09:00Z'])
})

test('what comes next names the change of the clocks', () => {
  expect(nextTicks({ cron_expr: '0 9 28,29 3 *', timezone: 'Europe/Berlin' }, millis('2027-03-01T00:00:00Z'), 2)).toEqual({
    ok: true,
    value: {
      cron_expr: '0 9 28,29 3 *',
      timezone: 'Europe/Berlin',
      items: [
        { at: '2027-03-28T07:00:00.000Z', local_time: '2027-03-28T09:00:00+02:00' },
        { at: '2027-03-29T07:00:00.000Z', local_time: '2027-03-29T09:00:00+02:00' },
      ],
      offset_changes: [{ at: '2027-03-28T01:00:00.000Z', offset_before: '+01:00', offset_after: '+02:00' }],
    },
  })
})

test.each([
  ['*/15 9-17 * * MON-FRI', ['cron(0,15,30,45 9-17 ? * 2-6 *)']],
  ['0 0 1 * *', ['cron(0 0 1 * ? *)']],
  ['0 0 13 * FRI', ['cron(0 0 13 * ? *)', 'cron(0 0 ? * 6 *)']],
  ['* * * * *', ['cron(* * * * ? *)']],
  ['0 0 */2 * MON', undefined],
])('%s in the words of EventBridge', (expr, expected) => {
  const cron = parseCron(expr)
  expect(cron.ok && nativeCrons(cron.value)).toEqual(expected)
})

test('days are numbered as the calendar has them', () => {
  fc.assert(
    fc.property(fc.integer({ min: -100_000, max: 200_000 }), (day) => {
      const { year, month, date, weekday } = calendarDay(day)
      expect(dayNumber(year, month, date)).toBe(day)
      expect([year, month, date, weekday]).toEqual([
        new Date(day * 86_400_000).getUTCFullYear(),
        new Date(day * 86_400_000).getUTCMonth() + 1,
        new Date(day * 86_400_000).getUTCDate(),
        new Date(day * 86_400_000).getUTCDay(),
      ])
    }),
  )
})

/** Minute by minute over what the zone's clocks show. */
const slowly = (expr: string, zone_name: string, ref_ms: number, minutes: number): number | undefined => {
  const cron = parseCron(expr)
  if (!cron.ok) throw new Error(expr)
  const { minutes: minute_list, hours, dates, months, weekdays, either_day, by_elapsed_time } = cron.value
  const zone = zoneOf(zone_name)
  for (let at = (Math.floor(ref_ms / minute_ms) + 1) * minute_ms; at <= ref_ms + minutes * minute_ms; at += minute_ms) {
    const wall = new Date(at + zone.offsetAt(at))
    const by_date = dates.has(wall.getUTCDate())
    const by_weekday = weekdays.has(wall.getUTCDay())
    const day = months.has(wall.getUTCMonth() + 1) && (either_day ? by_date || by_weekday : by_date && by_weekday)
    if (!day || !hours.includes(wall.getUTCHours()) || !minute_list.includes(wall.getUTCMinutes())) continue
    if (by_elapsed_time || zone.instantsOf(wall.getTime())[0] === at) return at
  }
  return undefined
}

test('around every change of the clocks the next tick is what minute by minute shows', () => {
  const zones = [
    'Europe/Berlin',
    'America/Havana',
    'Australia/Lord_Howe',
    'Africa/Casablanca',
    'America/Santiago',
    'Antarctica/Troll',
    'Pacific/Chatham',
    'America/St_Johns',
  ]
  const field = (max: number, from = 0) =>
    fc.oneof(
      fc.constant('*'),
      fc.integer({ min: from, max }).map(String),
      fc.integer({ min: 1, max: 30 }).map((step) => `*/${step}`),
    )
  const expr = fc
    .tuple(field(59), field(5), fc.constant('*'), fc.constant('*'), fc.oneof(fc.constant('*'), fc.constant('0'), fc.constant('1-5')))
    .map((parts) => parts.join(' '))
  fc.assert(
    fc.property(fc.constantFrom(...zones), expr, fc.nat(), fc.integer({ min: -1_500, max: 1_500 }), (zone, cron, pick, minutes) => {
      const changes = offsetChanges(zone, millis('2026-01-01T00:00:00Z'), millis('2028-01-01T00:00:00Z'))
      const ref_ms = (changes[pick % changes.length]?.at_ms ?? 0) + minutes * minute_ms
      const window = 3 * 1_440
      const slow = slowly(cron, zone, ref_ms, window)
      const fast = nextCronTime(cron, ref_ms, zone)
      expect(fast !== undefined && fast <= ref_ms + window * minute_ms ? fast : undefined).toBe(slow)
    }),
    { numRuns: 300 },
  )
})
