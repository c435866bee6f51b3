/** Schedule expressions: `rate(…)`, `cron(…)`, `at(…)`. Source: EventBridge Scheduler user guide, "Schedule types". */
import { nextAwsCron, parseAwsCron } from './cron.ts'
import { zoneOf } from './zone.ts'

export interface Expression {
  /** It rings once. */
  readonly once: boolean
  /** The first time strictly after `ref_ms`; undefined where there is none. */
  next(ref_ms: number): number | undefined
}

const unit_ms: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 }

const rate = (text: string, start_ms: number): Expression | undefined => {
  const [, count, unit = ''] = /^rate\(([1-9]\d*) (minute|hour|day)s?\)$/.exec(text) ?? []
  const one_ms = unit_ms[unit]
  if (one_ms === undefined) return undefined
  const interval_ms = Number(count) * one_ms
  return { once: false, next: (ref_ms) => (ref_ms < start_ms ? start_ms : start_ms + (Math.floor((ref_ms - start_ms) / interval_ms) + 1) * interval_ms) }
}

const at = (text: string, timezone: string): Expression | undefined => {
  const [, wall] = /^at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)$/.exec(text) ?? []
  const wall_ms = wall === undefined ? Number.NaN : Date.parse(`${wall}Z`)
  if (Number.isNaN(wall_ms)) return undefined
  const at_ms = zoneOf(timezone).instantOf(wall_ms)
  return { once: true, next: (ref_ms) => (at_ms !== undefined && at_ms > ref_ms ? at_ms : undefined) }
}

/** @param start_ms from when a rate counts @throws with what is wrong */
export const parseExpression = (text: string, timezone: string, start_ms: number): Expression => {
  zoneOf(timezone)
  const [, fields] = /^cron\((.*)\)$/.exec(text) ?? []
  if (fields !== undefined) {
    const cron = parseAwsCron(fields)
    return { once: false, next: (ref_ms) => nextAwsCron(cron, timezone, ref_ms) }
  }
  const other = rate(text, start_ms) ?? at(text, timezone)
  if (other === undefined) throw new Error(`Invalid Schedule Expression ${text}.`)
  return other
}
