/**
 * How much a function has worked since its worker started, as a line of its log, for `npm run bench:start`: invocations that
 * ended, the queue messages they carried, and their wall time, which is what Lambda bills.
 */
import * as z from 'zod'

const write_after_ms = 500
const QueueEvent = z.looseObject({ Records: z.array(z.unknown()) })

export interface InvocationMeter {
  /** Tells of an invocation that has ended. */
  ended(event: unknown, took_ms: number): void
}

/** Writes the totals some time after an invocation ended, with all that ended meanwhile. */
export const invocationMeter = (memory_mib: number, write: (line: string) => void): InvocationMeter => {
  const totals = { invocations: 0, records: 0, busy_ms: 0, memory_mib }
  let timer: NodeJS.Timeout | undefined
  const flush = () => {
    timer = undefined
    write(`${JSON.stringify({ meter: 'invocations', ...totals })}\n`)
  }
  return {
    ended: (event, took_ms) => {
      const queue_event = QueueEvent.safeParse(event)
      totals.invocations += 1
      totals.records += queue_event.data?.Records.length ?? 0
      totals.busy_ms += took_ms
      timer ??= setTimeout(flush, write_after_ms).unref()
    },
  }
}
