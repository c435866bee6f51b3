import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { addUsage, laterUsage, no_usage, Usage } from './usage.ts'
import { computeUsage } from './compute-cost.ts'
import { inSeconds, now, now_ms } from './samples.ts'

const usages = fc
  .record({
    input_tokens: fc.nat(),
    output_tokens: fc.nat(),
    cache_read_tokens: fc.nat(),
    cache_write_tokens: fc.nat(),
    model_usd: fc.nat(),
    compute_seconds: fc.nat(),
    compute_usd: fc.nat(),
  })
  .map((usage) => Usage.parse(usage))

test('usage adds up field by field', () => {
  fc.assert(
    fc.property(usages, usages, (a, b) => {
      expect(addUsage(a, no_usage)).toEqual(a)
      expect(addUsage(a, b)).toEqual(addUsage(b, a))
    }),
  )
  const one = Usage.parse({
    input_tokens: 1,
    output_tokens: 2,
    cache_read_tokens: 3,
    cache_write_tokens: 4,
    model_usd: 5,
    compute_seconds: 6,
    compute_usd: 7,
    control_plane_usd: 8,
  })
  expect(Object.values(addUsage(one, one))).toEqual([2, 4, 6, 8, 10, 12, 14, 16])
})

test('reports in any order make the same', () => {
  fc.assert(
    fc.property(usages, usages, (a, b) => {
      expect(laterUsage(laterUsage(undefined, a), b)).toEqual(laterUsage(laterUsage(undefined, b), a))
      expect(laterUsage(laterUsage(undefined, a), a)).toEqual(laterUsage(undefined, a))
    }),
  )
})

test('compute costs from the claim on, and nothing without one', () => {
  expect(computeUsage(undefined, now_ms, {})).toEqual(no_usage)
  expect(computeUsage(inSeconds(10), now_ms, {})).toEqual(no_usage)
  const hour = computeUsage(now, now_ms + 3_600_000, { cpu: 1_000, memory: 2_048 })
  expect(hour.compute_seconds).toBe(3_600)
  expect(hour.compute_usd).toBeCloseTo(0.03238 + 2 * 0.00356, 6)
})
