/** Time zones by the IANA data of the runtime. An offset is wall time minus UTC. */
import { hour_ms, minute_ms } from '../time.ts'
import { dayNumber } from './calendar.ts'

export const day_ms = 24 * hour_ms
/** Offsets change on quarters of an hour of UTC. */
const quarter_ms = 15 * minute_ms
const known_max = 4_000

export interface Zone {
  /** Milliseconds. */
  offsetAt(at_ms: number): number
  /** The instants at which clocks show a wall time (as if it were UTC), oldest first: none where it is skipped, two where it comes twice. */
  instantsOf(wall_ms: number): readonly number[]
}

const formatOf = (name: string): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
    timeZone: name,
    hourCycle: 'h23',
    era: 'short',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })

const measure = (format: Intl.DateTimeFormat, at_ms: number): number => {
  const parts = new Map(format.formatToParts(at_ms).map(({ type, value }) => [type, Number(value)]))
  const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0
  const day = dayNumber(part('year'), part('month'), part('day'))
  const wall_s = ((day * 24 + part('hour')) * 60 + part('minute')) * 60 + part('second')
  return (wall_s - Math.floor(at_ms / 1_000)) * 1_000
}

const makeZone = (name: string): Zone => {
  const format = formatOf(name)
  const known = new Map<number, number>()
  const offsetAt = (at_ms: number): number => {
    const quarter = Math.floor(at_ms / quarter_ms)
    const found = known.get(quarter)
    if (found !== undefined) return found
    if (known.size >= known_max) known.clear()
    const offset_ms = measure(format, quarter * quarter_ms)
    known.set(quarter, offset_ms)
    return offset_ms
  }
  return {
    offsetAt,
    instantsOf: (wall_ms) =>
      [...new Set([offsetAt(wall_ms - 26 * hour_ms), offsetAt(wall_ms + 26 * hour_ms)])]
        .map((offset_ms) => ({ at_ms: wall_ms - offset_ms, offset_ms }))
        .filter(({ at_ms, offset_ms }) => offsetAt(at_ms) === offset_ms)
        .map(({ at_ms }) => at_ms)
        .toSorted((a, b) => a - b),
  }
}

const zones = new Map<string, Zone>()
const zones_max = 600

/** Whether a text is the name of a zone that this runtime knows. Offsets as in +01:00 are none. */
export const isTimeZone = (text: string): boolean => {
  if (!/^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/.test(text)) return false
  try {
    return formatOf(text).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/** A zone by its name; an unknown one is UTC (SPEC §5). */
export const zoneOf = (name: string): Zone => {
  const found = zones.get(name)
  if (found !== undefined) return found
  const zone = makeZone(isTimeZone(name) ? name : 'UTC')
  if (zones.size >= zones_max) zones.clear()
  zones.set(name, zone)
  return zone
}

export interface OffsetChange {
  readonly at_ms: number
  readonly before_minutes: number
  readonly after_minutes: number
}

/** When a zone's offset changes, after `from_ms` and up to `to_ms`, oldest first. */
export const offsetChanges = (name: string, from_ms: number, to_ms: number): readonly OffsetChange[] => {
  const zone = zoneOf(name)
  const changes: OffsetChange[] = []
  for (let start = from_ms; start < to_ms; start += day_ms) {
    const end = Math.min(start + day_ms, to_ms)
    const before = zone.offsetAt(start)
    if (zone.offsetAt(end) === before) continue
    let [low, high] = [start, end]
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (zone.offsetAt(middle) === before) low = middle
      else high = middle
    }
    changes.push({ at_ms: high, before_minutes: before / minute_ms, after_minutes: zone.offsetAt(high) / minute_ms })
  }
  return changes
}

/** The names that this runtime lists, for whoever mistyped one. */
export const timeZoneNames = (): readonly string[] => ['UTC', ...Intl.supportedValuesOf('timeZone')]
