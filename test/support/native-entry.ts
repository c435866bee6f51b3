/** Entries of EventBridge Scheduler, read as its user guide has them, in a way of its own. */
import type { OracleZone } from './cron-oracle.ts'

/** Which values a field of an entry names. */
const valuesOf = (field: string, low_min: number, high_max: number): ReadonlySet<number> => {
  const values = new Set<number>()
  for (const part of field === '?' ? [] : field.split(',')) {
    const [low = '', high = low] = (part === '*' ? `${low_min}-${high_max}` : part).split('-')
    if (!/^\d+-\d+$/.test(`${low}-${high}`) || Number(low) < low_min || Number(high) > high_max) throw new Error(`no field of an entry: ${field}`)
    for (let value = Number(low); value <= Number(high); value += 1) values.add(value)
  }
  return values
}

/** Source: EventBridge Scheduler's user guide, "Cron-based schedules": six fields, Sunday is 1, and exactly one of the days is `?`. */
export const readNative = (entry: string) => {
  const [, minute = '', hour = '', dom = '', month = '', dow = '', year = ''] = /^cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)$/.exec(entry) ?? []
  if ((dom === '?') === (dow === '?') || year !== '*') throw new Error(`no entry: ${entry}`)
  const [minutes, hours, dates] = [valuesOf(minute, 0, 59), valuesOf(hour, 0, 23), valuesOf(dom, 1, 31)]
  const [months, weekdays] = [valuesOf(month, 1, 12), valuesOf(dow, 1, 7)]
  return {
    isTime: (of_hour: number, of_minute: number) => hours.has(of_hour) && minutes.has(of_minute),
    isDay: (date: Date) => months.has(date.getUTCMonth() + 1) && (dates.has(date.getUTCDate()) || weekdays.has(date.getUTCDay() + 1)),
  }
}

const minute_ms = 60_000
const day_ms = 1_440 * minute_ms
/** No zone sets its clocks back by more. */
const back_max_ms = 180 * minute_ms

/**
 * When an entry rings: at each wall time that its zone's clocks show, and once where they show one twice. The guide says "runs only once", and not in which pass.
 * Source: EventBridge Scheduler's user guide, "Daylight savings time".
 */
export const ringsOf = (entry: string, zone: OracleZone, from_ms: number, to_ms: number, pass: 'first' | 'second'): readonly number[] => {
  const read = readNative(entry)
  const rings: number[] = []
  for (let at_ms = Math.ceil(from_ms / minute_ms) * minute_ms; at_ms <= to_ms; at_ms += minute_ms) {
    const wall_ms = at_ms + zone.offset_ms(at_ms)
    const minute = Math.floor(wall_ms / minute_ms) % 1_440
    if (!read.isTime(Math.floor(minute / 60), minute % 60) || !read.isDay(new Date(Math.floor(wall_ms / day_ms) * day_ms))) continue
    const shown = (direction: 1 | -1): boolean => {
      for (let other_ms = at_ms + direction * minute_ms; Math.abs(other_ms - at_ms) <= back_max_ms; other_ms += direction * minute_ms)
        if (other_ms + zone.offset_ms(other_ms) === wall_ms) return true
      return false
    }
    if (!shown(pass === 'first' ? -1 : 1)) rings.push(at_ms)
  }
  return rings
}
