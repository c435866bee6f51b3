/** How long a retry waits (SPEC §3, `retry`). */
import { createHash } from 'node:crypto'
import type { RetryPolicy } from './policy.ts'

/** A number in [0, 1) that is the same for the same text: jitter without a random source. */
const fraction = (text: string): number => createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32

/**
 * Milliseconds until the attempt after `failed_attempt_no`: `delay_ms` times `backoff_rate` per attempt, at most `max_delay_ms`.
 * With jitter, somewhere between half of it and all, the same for the same run and attempt.
 */
export const retryDelayMs = (retry: RetryPolicy, failed_attempt_no: number, run_id: string): number => {
  const delay_ms = Math.min(retry.max_delay_ms, retry.delay_ms * retry.backoff_rate ** (failed_attempt_no - 1))
  return Math.round(retry.jitter ? delay_ms * (0.5 + 0.5 * fraction(`${run_id}#${failed_attempt_no}`)) : delay_ms)
}
