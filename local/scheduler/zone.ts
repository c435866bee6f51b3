/** Wall time in a time zone. Offsets come from Node's ICU, which has the same IANA data that AWS uses. */

const quarter_ms = 900_000

export interface Zone {
  /** Wall time minus UTC, in milliseconds, at an instant. */
  offsetAt(at_ms: number): number
  /** The first instant at which the zone's clocks show a wall time (as if it were UTC); undefined where a change of the offset skips it. */
  instantOf(wall_ms: number): number | undefined
}

const day_ms = 86_400_000

const measure = (format: Intl.DateTimeFormat, at_ms: number): number => {
  const parts = new Map(format.formatToParts(at_ms).map(({ type, value }) => [type, Number(value)]))
  const part = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? 0
  const wall_ms = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'))
  return wall_ms - Math.floor(at_ms / 1_000) * 1_000
}

const format = (name: string) =>
  new Intl.DateTimeFormat('en-US-u-hc-h23', {
    timeZone: name,
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })

const makeZone = (name: string): Zone => {
  const formatter = format(name)
  /** Offsets change on quarters of an hour, so one measurement holds for one of them. */
  const known = new Map<number, number>()
  const offsetAt = (at_ms: number): number => {
    const quarter = Math.floor(at_ms / quarter_ms)
    const found = known.get(quarter) ?? measure(formatter, quarter * quarter_ms)
    if (known.size > 5_000) known.clear()
    known.set(quarter, found)
    return found
  }
  return {
    offsetAt,
    instantOf: (wall_ms) => {
      const offsets = [offsetAt(wall_ms - day_ms), offsetAt(wall_ms + day_ms)]
      const instants = offsets.map((offset_ms) => wall_ms - offset_ms).filter((at_ms) => at_ms + offsetAt(at_ms) === wall_ms)
      return instants.length === 0 ? undefined : Math.min(...instants)
    },
  }
}

const zones = new Map<string, Zone>()

/** @throws RangeError for a name that is no zone */
export const zoneOf = (name: string): Zone => {
  const zone = zones.get(name) ?? makeZone(name)
  zones.set(name, zone)
  return zone
}
