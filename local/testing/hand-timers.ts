/** Time that a test turns by hand. */
import type { Timers } from '../sqs/timers.ts'

export interface HandTimers extends Timers {
  /** Moves on and calls what has become due, in order. */
  advance(ms: number): void
  pending(): number
}

export const handTimers = (start_ms = 1_000_000): HandTimers => {
  let now_ms = start_ms
  const waiting = new Set<{ readonly at_ms: number; readonly callback: () => void }>()
  const nextBy = (until_ms: number) => [...waiting].filter(({ at_ms }) => at_ms <= until_ms).toSorted((a, b) => a.at_ms - b.at_ms)[0]
  return {
    now: () => now_ms,
    after: (delay_ms, callback) => {
      const entry = { at_ms: now_ms + delay_ms, callback }
      waiting.add(entry)
      return () => void waiting.delete(entry)
    },
    advance: (ms) => {
      const until_ms = now_ms + ms
      for (let due = nextBy(until_ms); due !== undefined; due = nextBy(until_ms)) {
        waiting.delete(due)
        now_ms = due.at_ms
        due.callback()
      }
      now_ms = until_ms
    },
    pending: () => waiting.size,
  }
}
