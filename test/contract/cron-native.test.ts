/** Entries of EventBridge Scheduler against the ticks that they stand for, in UTC where no offset changes. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCron } from '../../shared/domain/cron/cron.ts'
import { nativeCrons } from '../../shared/domain/cron/native.ts'
import { cron_expressions } from '../support/cron-expressions.ts'
import { OracleCron } from '../support/cron-oracle.ts'

const day_ms = 86_400_000
/** Four years with a leap day, from a Saturday. */
const first_day = Date.UTC(2028, 0, 1) / day_ms
const days = 4 * 365 + 1

/** Which values a field of an entry names. */
const valuesOf = (field: string, low_min: number, high_max: number): ReadonlySet<number> => {
  const values = new Set<number>()
  for (const part of field === '?' ? [] : field.split(',')) {
    const [low = '', high = low] = (part === '*' ? `${low_min}-${high_max}` : part).split('-')
    if (!/^\d+-\d+$/.test(`${low}-${high}`) || Number(low) < low_min || Number(high) > high_max) throw new Error(`no field of an entry: ${field}`)
    for (let value = Number(low); value <= Number(high); value += 1) values.add(value)
  }
  return values
}

/** Source: EventBridge Scheduler's user guide, "Cron-based schedules": six fields, Sunday is 1, and exactly one of the days is `?`. */
const readNative = (entry: string) => {
  const [, minute = '', hour = '', dom = '', month = '', dow = '', year = ''] = /^cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)$/.exec(entry) ?? []
  expect([dom, dow].filter((field) => field === '?')).toHaveLength(1)
  expect(year).toBe('*')
  const [minutes, hours, dates] = [valuesOf(minute, 0, 59), valuesOf(hour, 0, 23), valuesOf(dom, 1, 31)]
  const [months, weekdays] = [valuesOf(month, 1, 12), valuesOf(dow, 1, 7)]
  return {
    isTime: (of_hour: number, of_minute: number) => hours.has(of_hour) && minutes.has(of_minute),
    isDay: (date: Date) => months.has(date.getUTCMonth() + 1) && (dates.has(date.getUTCDate()) || weekdays.has(date.getUTCDay() + 1)),
  }
}

const times = Array.from({ length: 1_440 }, (_, minute) => [Math.floor(minute / 60), minute % 60] as const)

test('the native entries of 5,000 expressions ring at their ticks and at no other time', { timeout: 120_000 }, () => {
  let native = 0
  fc.assert(
    fc.property(cron_expressions, (expr) => {
      const cron = parseCron(expr)
      const entries = cron.ok ? nativeCrons(cron.value) : undefined
      if (entries === undefined) return
      native += 1
      const oracle = new OracleCron(expr)
      const read = entries.map(readNative)
      for (const { isTime } of read) {
        for (const [hour, minute] of times)
          if (isTime(hour, minute) !== oracle.isTime(hour, minute)) expect(`${expr} ${entries.join()} ${hour}:${minute}`).toBe('')
      }
      for (let day = first_day; day < first_day + days; day += 1) {
        const date = new Date(day * day_ms)
        if (read.some(({ isDay }) => isDay(date)) !== oracle.isDay(day)) expect(`${expr} ${entries.join()} ${date.toISOString()}`).toBe('')
      }
    }),
    { numRuns: 5_000 },
  )
  expect(native).toBeGreaterThan(2_500)
})
