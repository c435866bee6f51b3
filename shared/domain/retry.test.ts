import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { RetryPolicy } from './policy.ts'
import { retryDelayMs } from './retry.ts'

const policies = fc
  .record({
    delay_ms: fc.nat(86_400_000),
    backoff_rate: fc.double({ min: 1, max: 10, noNaN: true }),
    max_delay_ms: fc.nat(86_400_000),
    jitter: fc.boolean(),
  })
  .map((policy) => RetryPolicy.parse(policy))

test('a delay is a whole number, never above the most, never shorter than the one before without jitter', () => {
  fc.assert(
    fc.property(policies, fc.integer({ min: 1, max: 19 }), fc.string(), (policy, attempt_no, run_id) => {
      const delay_ms = retryDelayMs(policy, attempt_no, run_id)
      expect(Number.isInteger(delay_ms)).toBe(true)
      expect(delay_ms).toBeGreaterThanOrEqual(0)
      expect(delay_ms).toBeLessThanOrEqual(policy.max_delay_ms)
      if (!policy.jitter) expect(retryDelayMs(policy, attempt_no + 1, run_id)).toBeGreaterThanOrEqual(delay_ms)
    }),
  )
})

test('jitter keeps at least half, is the same for the same attempt, and spreads runs', () => {
  const policy = RetryPolicy.parse({ delay_ms: 10_000, jitter: true })
  const delays = Array.from({ length: 50 }, (_, n) => retryDelayMs(policy, 1, `run_${n}`))
  expect(delays.every((delay_ms) => delay_ms >= 5_000 && delay_ms <= 10_000)).toBe(true)
  expect(new Set(delays).size).toBeGreaterThan(40)
  expect(retryDelayMs(policy, 1, 'run_1')).toBe(delays[1])
  expect(retryDelayMs(policy, 2, 'run_1')).not.toBe(delays[1])
})

test('it grows by the rate with each attempt, up to the most', () => {
  const policy = RetryPolicy.parse({ delay_ms: 1_000, backoff_rate: 3, max_delay_ms: 20_000 })
  expect([1, 2, 3, 4, 5].map((attempt_no) => retryDelayMs(policy, attempt_no, 'run'))).toEqual([1_000, 3_000, 9_000, 20_000, 20_000])
})
