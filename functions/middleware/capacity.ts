/**
 * What this function's calls to the table have consumed since it started, as a line of its log, for `npm run bench:start`. Only
 * where LANEKEEPER_CAPACITY is 1: being told costs the table nothing, but a line a second would cost a deployment.
 */
import { randomUUID } from 'node:crypto'
import type { CapacityUse } from '../../shared/store/dynamo-link.ts'

/** The line is written this long after a call, with all that came meanwhile. */
const write_after_ms = 500

/** Hears each call and writes the totals now and then; undefined where nobody asked for it. */
export const capacityMeter = (env: Readonly<Record<string, string | undefined>>, write: (line: string) => void): ((use: CapacityUse) => void) | undefined => {
  if (env['LANEKEEPER_CAPACITY'] !== '1') return undefined
  // A function may be started anew, and then counts from 0.
  const totals = { instance: randomUUID(), calls: 0, read_units: 0, write_units: 0 }
  let timer: NodeJS.Timeout | undefined
  const flush = () => {
    timer = undefined
    write(`${JSON.stringify({ meter: 'capacity', ...totals })}\n`)
  }
  return (use) => {
    totals.calls += 1
    totals.read_units += use.read_units
    totals.write_units += use.write_units
    timer ??= setTimeout(flush, write_after_ms).unref()
  }
}
