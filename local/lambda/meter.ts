/**
 * For benchmarks: totals of what a function has been through since the start, as a line in its log at most once a second.
 * The newest line counts. `busy_ms` is wall time from the host's point of view, as Lambda bills it.
 */
import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import type { LocalFunction } from './function.ts'
import type { LogFile } from './log-file.ts'

/** Let the lines of a burst be one; bench/ waits a little longer before it reads. */
const every_ms = 1_000

const QueueEvent = z.looseObject({ Records: z.array(z.unknown()) })

export const metered = (inner: LocalFunction, log: LogFile): LocalFunction => {
  // A function whose worker was replaced counts from 0.
  const totals = { instance: randomUUID(), invocations: 0, records: 0, busy_ms: 0 }
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
    invoke: async (event, reader) => {
      const began_ms = performance.now()
      try {
        return await inner.invoke(event, reader)
      } finally {
        count(event, performance.now() - began_ms)
      }
    },
  }
}
