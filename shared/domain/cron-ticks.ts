/** A schedule's cron and zone, checked, as the source of its ticks; and its ticks to come, for whoever asks. */
import { parseCron } from './cron/cron.ts'
import { nativeCrons } from './cron/native.ts'
import { cronTicks, nextCronTime } from './cron/ticks.ts'
import { isTimeZone, offsetChanges, timeZoneNames, zoneOf } from './cron/zone.ts'
import { ok, refuse, type Refusal, type Result } from './result.ts'
import { minute_ms, timestamp, type Timestamp } from './time.ts'
import type { TickSource } from './schedule-ticks.ts'

const near_max = 5

const pairsOf = (text: string): ReadonlySet<string> => {
  const plain = text.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  return new Set(Array.from({ length: Math.max(0, plain.length - 1) }, (_, at) => plain.slice(at, at + 2)))
}

/** Names that share most pairs of letters with what was written. */
const namesNear = (text: string): readonly string[] => {
  const wanted = pairsOf(text)
  const likeness = (name: string): number => {
    const pairs = pairsOf(name.split('/').at(-1) ?? name)
    const all = pairsOf(name)
    const shared = (some: ReadonlySet<string>) => [...some].filter((pair) => wanted.has(pair)).length
    return Math.max(shared(pairs) / Math.max(1, pairs.size), shared(all) / Math.max(1, all.size))
  }
  return timeZoneNames()
    .map((name) => ({ name, likeness: likeness(name) }))
    .filter((one) => one.likeness >= 0.5)
    .toSorted((a, b) => b.likeness - a.likeness || a.name.localeCompare(b.name))
    .slice(0, near_max)
    .map(({ name }) => name)
}

const refuseZone = (timezone: string): Refusal => {
  const near = namesNear(timezone)
  const hint = near.length === 0 ? '' : `; did you mean ${near.join(', ')}?`
  return refuse('invalid_request', `timezone ${timezone} is no IANA time zone${hint}`, [
    { field: 'timezone', message: 'is no IANA time zone, as in Europe/Berlin or UTC', value: timezone, ...(near.length === 0 ? {} : { allowed: near }) },
  ])
}

const makeSource = (cron_expr: string, timezone: string): Result<TickSource> => {
  const cron = parseCron(cron_expr)
  if (!cron.ok) return cron
  if (!isTimeZone(timezone)) return refuseZone(timezone)
  return ok({
    after: (ref_ms) => nextCronTime(cron.value.expr, ref_ms, timezone),
    between: (from_ms, to_ms, count_max) => cronTicks(cron.value, timezone, from_ms, to_ms, count_max),
    native: nativeCrons(cron.value),
  })
}

/** Each fire asks for its own: to parse the cron and to ask the runtime for the zone takes longer than all else that is decided. */
const sources = new Map<string, Result<TickSource>>()
const sources_max = 2_000

/** The ticks of a cron in a zone; a refusal names what is wrong. */
export const ticksOf = (cron_expr: string, timezone: string): Result<TickSource> => {
  const key = `${timezone} ${cron_expr}`
  const known = sources.get(key)
  if (known !== undefined) return known
  const source = makeSource(cron_expr, timezone)
  if (sources.size >= sources_max) sources.clear()
  if (source.ok) sources.set(key, source)
  return source
}

const offsetText = (minutes: number): string => {
  const part = (value: number) => String(Math.trunc(Math.abs(value))).padStart(2, '0')
  return `${minutes < 0 ? '-' : '+'}${part(minutes / 60)}:${part(minutes % 60)}`
}

export interface NextTicks {
  readonly cron_expr: string
  readonly timezone: string
  readonly items: { readonly at: Timestamp; readonly local_time: string }[]
  readonly offset_changes: { readonly at: Timestamp; readonly offset_before: string; readonly offset_after: string }[]
}

/** The next ticks, with what a clock in the zone shows, and the changes of its offset up to the last of them. */
export const nextTicks = (schedule: { readonly cron_expr: string; readonly timezone: string }, now_ms: number, count: number): Result<NextTicks> => {
  const { cron_expr, timezone } = schedule
  const source = ticksOf(cron_expr, timezone)
  if (!source.ok) return source
  const ticks = source.value.between(now_ms, Infinity, count)
  const zone = zoneOf(timezone)
  const localTime = (at_ms: number): string => {
    const offset_ms = zone.offsetAt(at_ms)
    return `${timestamp(at_ms + offset_ms).slice(0, 'yyyy-mm-ddThh:mm:ss'.length)}${offsetText(offset_ms / minute_ms)}`
  }
  return ok({
    cron_expr,
    timezone,
    items: ticks.map((at_ms) => ({ at: timestamp(at_ms), local_time: localTime(at_ms) })),
    offset_changes: offsetChanges(timezone, now_ms, ticks.at(-1) ?? now_ms).map(({ at_ms, before_minutes, after_minutes }) => ({
      at: timestamp(at_ms),
      offset_before: offsetText(before_minutes),
      offset_after: offsetText(after_minutes),
    })),
  })
}
