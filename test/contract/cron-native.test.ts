/** Entries of EventBridge Scheduler against the ticks that they stand for, in UTC where no offset changes. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCron } from '../../shared/domain/cron/cron.ts'
import { nativeCrons } from '../../shared/domain/cron/native.ts'
import { cron_expressions } from '../support/cron-expressions.ts'
import { OracleCron } from '../support/cron-oracle.ts'
import { readNative } from '../support/native-entry.ts'

const day_ms = 86_400_000
/** Four years with a leap day, from a Saturday. */
const first_day = Date.UTC(2028, 0, 1) / day_ms
const days = 4 * 365 + 1

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
