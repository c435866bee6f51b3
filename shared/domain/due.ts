/**
 * Due times: when the sweep looks at something again. They are lazy, so that heartbeats and retries move no index entry: a
 * look that comes too early sets the next one.
 */
import { millis, second_ms, timestamp, type Timestamp } from './time.ts'

/** What is in line or starting is looked at again after this long. */
export const look_again_ms = 60 * second_ms

const bucket_ms = 30 * second_ms

/**
 * The due time of something that was freed: 20 to 50 s from now, on a grid, so that a busy class writes its index entry
 * twice a minute and not with every attempt that ends.
 */
export const freedDue = (now_ms: number): Timestamp => timestamp(Math.ceil((now_ms + 20 * second_ms) / bucket_ms) * bucket_ms)

/** The earlier of two times, either of which may be absent. */
export const earlier = (a: Timestamp | undefined, b: Timestamp | undefined): Timestamp | undefined => {
  if (a === undefined) return b
  if (b === undefined) return a
  return millis(a) <= millis(b) ? a : b
}

/** When a task that stands in line from `queued_ms` on is dropped. It counts anew for each time in line: a retry is not late for the first, and one that sleeps is not late. */
export const queueTimeout = (params: { readonly queue_timeout_ms?: number | undefined }, queued_ms: number): { queue_timeout_at?: Timestamp } =>
  params.queue_timeout_ms === undefined ? {} : { queue_timeout_at: timestamp(queued_ms + params.queue_timeout_ms) }
