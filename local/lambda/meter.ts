/**
<<<<<<< HEAD
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
=======
 * For benchmarks: totals of what a function has been through since the start, as a line in its log at most once a second.
 * The newest line counts. `busy_ms` is wall time from the host's point of view, as Lambda bills it.
 */
import * as z from 'zod'
import type { LocalFunction } from './function.ts'
import type { LogFile } from './log-file.ts'

/** Let the lines of a burst be one; bench/ waits a little longer before it reads. */
const every_ms = 1_000

const QueueEvent = z.looseObject({ Records: z.array(z.unknown()) })

export const metered = (inner: LocalFunction, log: LogFile): LocalFunction => {
  const totals = { invocations: 0, records: 0, busy_ms: 0 }
  let timer: NodeJS.Timeout | undefined
  const write = () => {
    timer = undefined
    log.write(`${JSON.stringify({ meter: 'invocations', ...totals, memory_mib: inner.settings.memory_mib })}\n`)
  }
  const count = (event: unknown, busy_ms: number) => {
    totals.invocations += 1
    totals.records += QueueEvent.safeParse(event).data?.Records.length ?? 0
    totals.busy_ms += busy_ms
    timer ??= setTimeout(write, every_ms).unref()
  }
  return {
    ...inner,
    invoke: async (event) => {
      const began_ms = performance.now()
      try {
        return await inner.invoke(event)
      } finally {
        count(event, performance.now() - began_ms)
      }
>>>>>>> heads/local
    },
  }
}
