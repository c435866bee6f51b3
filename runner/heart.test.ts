import { expect, test } from 'vitest'
import { leaseDeadline } from './heart.ts'

const wall_ms = Date.parse('2026-11-22T12:00:00.000Z')
const lease = (left_ms: number): string => new Date(wall_ms + left_ms).toISOString()

test('the attempt ends itself a fifth before the lease does, at most five seconds', () => {
  const answered = { sent_monotonic_ms: 1_000, plane_now_ms: wall_ms }
  expect(leaseDeadline(lease(10_000), answered, wall_ms)).toBe(1_000 + 8_000)
  expect(leaseDeadline(lease(45_000), answered, wall_ms)).toBe(1_000 + 40_000)
  expect(leaseDeadline(lease(-5), answered, wall_ms)).toBe(1_000)
})

test('a clock that is off counts by the plane’s', () => {
  const behind_ms = wall_ms - 60_000
  expect(leaseDeadline(lease(10_000), { sent_monotonic_ms: 0, plane_now_ms: wall_ms }, behind_ms)).toBe(8_000)
  expect(leaseDeadline(lease(10_000), { sent_monotonic_ms: 0, plane_now_ms: wall_ms - 900 }, wall_ms)).toBe(8_000)
  expect(leaseDeadline(lease(10_000), { sent_monotonic_ms: 0, plane_now_ms: undefined }, wall_ms)).toBe(8_000)
})
