/**
 * The ticks of a cron in a zone. A wall time that is skipped is no tick. Where clocks are set back, an expression whose minute or hour
 * starts with `*` goes by elapsed time and has both passes; any other has the first (SPEC §5).
 */
import { hour_ms, minute_ms } from '../time.ts'
import { calendarDay } from './calendar.ts'
import { parseCron, type Cron } from './cron.ts'
import { day_ms, offsetChanges, zoneOf, type Zone } from './zone.ts'

/** 29 February on a given day of the week comes every 28 years, or 40 around 2100. */
const days_max = 41 * 366

const isDay = (cron: Cron, day: number): boolean => {
  const { month, date, weekday } = calendarDay(day)
  if (!cron.months.has(month)) return false
  const by_date = cron.dates.has(date)
  const by_weekday = cron.weekdays.has(weekday)
  return cron.either_day ? by_date || by_weekday : by_date && by_weekday
}

const wallTimes = (cron: Cron, day: number): readonly number[] =>
  cron.hours.flatMap((hour) => cron.minutes.map((minute) => day * day_ms + hour * hour_ms + minute * minute_ms))

interface Stretch {
  readonly start_ms: number
  readonly end_ms: number
  readonly offset_ms: number
}

/** The times of one offset each, oldest first, in which a day of the zone's clocks may lie. Asking the zone for each wall time would take milliseconds. */
const steadyStretches = (zone: Zone, zone_name: string, day: number): readonly Stretch[] => {
  const [from_ms, to_ms] = [(day - 1) * day_ms, (day + 2) * day_ms]
  const starts = [from_ms, ...offsetChanges(zone_name, from_ms, to_ms).map(({ at_ms }) => at_ms)]
  return starts.map((start_ms, at) => ({ start_ms, end_ms: starts[at + 1] ?? to_ms, offset_ms: zone.offsetAt(start_ms) }))
}

/** Ticks of days around a change of the offset, which are made by trying each wall time. */
const irregular = new WeakMap<Cron, Map<string, readonly number[]>>()
const irregular_max = 50

const irregularTicks = (cron: Cron, zone: Zone, zone_name: string, day: number): readonly number[] => {
  const cache = irregular.get(cron) ?? new Map<string, readonly number[]>()
  irregular.set(cron, cache)
  const key = `${zone_name} ${day}`
  const found = cache.get(key)
  if (found !== undefined) return found
  const stretches = steadyStretches(zone, zone_name, day)
  const ticks = wallTimes(cron, day)
    .flatMap((wall_ms) => {
      const instants = stretches
        .filter(({ start_ms, end_ms, offset_ms }) => wall_ms - offset_ms >= start_ms && wall_ms - offset_ms < end_ms)
        .map(({ offset_ms }) => wall_ms - offset_ms)
      return cron.by_elapsed_time ? instants : instants.slice(0, 1)
    })
    .toSorted((a, b) => a - b)
  if (cache.size >= irregular_max) cache.clear()
  cache.set(key, ticks)
  return ticks
}

/** The first tick of a day without a change of the offset. */
const regularTick = (cron: Cron, day: number, offset_ms: number, ref_ms: number): number | undefined => {
  const ref_wall_ms = ref_ms + offset_ms - day * day_ms
  for (const hour of cron.hours) {
    if ((hour + 1) * hour_ms <= ref_wall_ms) continue
    for (const minute of cron.minutes) {
      const wall_ms = hour * hour_ms + minute * minute_ms
      if (wall_ms > ref_wall_ms) return day * day_ms + wall_ms - offset_ms
    }
  }
  return undefined
}

/** Offsets lie between -12 and +14 hours: what is the same on both sides of the day and its neighbours did not change in it. */
const steadyOffset = (zone: Zone, day: number): number | undefined => {
  const before = zone.offsetAt((day - 1) * day_ms)
  return before === zone.offsetAt((day + 2) * day_ms) ? before : undefined
}

const after = (cron: Cron, zone_name: string, ref_ms: number): number | undefined => {
  const zone = zoneOf(zone_name)
  const first = Math.floor((ref_ms + zone.offsetAt(ref_ms)) / day_ms) - 1
  let best: number | undefined
  for (let day = first; day < first + days_max; day += 1) {
    if (!isDay(cron, day)) {
      if (best !== undefined) return best
      continue
    }
    const offset_ms = steadyOffset(zone, day)
    if (offset_ms !== undefined) {
      const tick_ms = regularTick(cron, day, offset_ms, ref_ms)
      if (best !== undefined || tick_ms !== undefined) return Math.min(best ?? Infinity, tick_ms ?? Infinity)
      continue
    }
    // Around a change two days may interleave: the one after is looked at as well.
    const tick_ms = irregularTicks(cron, zone, zone_name, day).find((at_ms) => at_ms > ref_ms)
    if (best !== undefined) return Math.min(best, tick_ms ?? Infinity)
    best = tick_ms
  }
  return best
}

const parsed = new Map<string, Cron>()
const parsed_max = 2_000

/** A parsed expression, kept for the next time; undefined for none. */
const cronOf = (expr: string): Cron | undefined => {
  const found = parsed.get(expr)
  if (found !== undefined) return found
  const cron = parseCron(expr)
  if (!cron.ok) return undefined
  if (parsed.size >= parsed_max) parsed.clear()
  parsed.set(expr, cron.value)
  return cron.value
}

/** NextCronTime (SPEC §5): the first tick strictly after `ref_ms`. An unknown zone is UTC; undefined: never. */
export const nextCronTime = (expr: string, ref_ms: number, time_zone: string): number | undefined => {
  const cron = cronOf(expr)
  return cron === undefined ? undefined : after(cron, time_zone, ref_ms)
}

/** Ticks after `from_ms` and up to `to_ms`, oldest first, at most `count_max`. */
export const cronTicks = (cron: Cron, time_zone: string, from_ms: number, to_ms: number, count_max: number): readonly number[] => {
  const ticks: number[] = []
  let next = after(cron, time_zone, from_ms)
  while (next !== undefined && next <= to_ms && ticks.length < count_max) {
    ticks.push(next)
    next = after(cron, time_zone, next)
  }
  return ticks
}
