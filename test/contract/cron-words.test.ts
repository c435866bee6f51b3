/** Words for crons of every form. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { cronWords } from '../../cli/render/cron-words.ts'
import { parseCron } from '../../shared/domain/cron/cron.ts'
import { cron_expressions } from '../support/cron-expressions.ts'

test('every cron that is accepted has words, and nothing else has', () => {
  fc.assert(
    fc.property(cron_expressions, (expr) => {
      expect(cronWords(expr) !== undefined).toBe(parseCron(expr).ok)
      expect(`${cronWords(expr)}`).not.toMatch(/null|error|NaN/i)
    }),
    { numRuns: 1_000 },
  )
})
