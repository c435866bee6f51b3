import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { earlier, freedDue, queueTimeout } from './due.ts'
import { inSeconds, now_ms } from './samples.ts'
import { millis, second_ms } from './time.ts'

test('what was freed is due 20 to 50 s later, on a grid of half minutes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000_000 }), (after_ms) => {
      const from_ms = now_ms + after_ms
      const due_ms = millis(freedDue(from_ms))
      expect(due_ms % (30 * second_ms)).toBe(0)
      expect(due_ms - from_ms).toBeGreaterThanOrEqual(20 * second_ms)
      expect(due_ms - from_ms).toBeLessThan(50 * second_ms)
    }),
  )
})

test('a busy minute has two due times, so that its index entry is written twice', () => {
  expect(new Set(Array.from({ length: 600 }, (_, n) => freedDue(now_ms + n * 100))).size).toBeLessThanOrEqual(3)
})

test('the earlier of two times, where there are two', () => {
  expect(earlier(undefined, undefined)).toBeUndefined()
  expect(earlier(inSeconds(1), undefined)).toBe(inSeconds(1))
  expect(earlier(undefined, inSeconds(1))).toBe(inSeconds(1))
  expect(earlier(inSeconds(1), inSeconds(2))).toBe(inSeconds(1))
  expect(earlier(inSeconds(2), inSeconds(1))).toBe(inSeconds(1))
})

test('a queue timeout counts from the moment of standing in line', () => {
  expect(queueTimeout({}, now_ms)).toEqual({})
  expect(queueTimeout({ queue_timeout_ms: 5_000 }, now_ms)).toEqual({ queue_timeout_at: inSeconds(5) })
})
