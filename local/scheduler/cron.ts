/**
 * Cron as EventBridge Scheduler has it: minutes, hours, day of month, month, day of week (1 is Sunday), year; `?` in one of the two days,
 * and `L`, `W` and `#`. A wall time that a change of the offset skips is no fire, one that comes twice is one fire. Source: EventBridge
 * Scheduler user guide, "Schedule types".
 */
import { zoneOf, type Zone } from './zone.ts'

interface Day {
  readonly year: number
  /** 1 to 12, 1 to 31, and 1 (Sunday) to 7. */
  readonly month: number
  readonly date: number
  readonly weekday: number
  readonly last_date: number
}
type DayTest = (day: Day) => boolean

export interface AwsCron {
  readonly minutes: readonly number[]
  readonly hours: readonly number[]
  readonly matches: DayTest
  readonly last_year: number
}

const month_names = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const weekday_names = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']
const years = { from: 1970, to: 2199 } as const

interface Field {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly names?: readonly string[]
}

const numberOf = (text: string, { name, from, to, names = [] }: Field): number => {
  const named = names.indexOf(text.toUpperCase())
  const value = named >= 0 ? named + from : /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= from && value <= to)) throw new Error(`${text} is no ${name}`)
  return value
}

const range = (from: number, to: number, step: number): number[] => Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, at) => from + at * step)

/** `*`, `a`, `a-b`, each with `/step`, in a list. A range that ends before it begins goes around. */
const valuesOf = (text: string, field: Field): readonly number[] => {
  const one = (part: string): number[] => {
    const [head = '', step_text, ...more] = part.split('/')
    const step = step_text === undefined ? 1 : Number(step_text)
    if (more.length > 0 || !(step >= 1)) throw new Error(`${part} is no ${field.name}`)
    if (head === '*') return range(field.from, field.to, step)
    const [low = '', high] = head.split('-')
    const from = numberOf(low, field)
    if (high === undefined) return step_text === undefined ? [from] : range(from, field.to, step)
    const to = numberOf(high, field)
    if (to >= from) return range(from, to, step)
    const width = field.to - field.from + 1
    return range(from, to + width, step).map((value) => ((value - field.from) % width) + field.from)
  }
  return [...new Set(text.split(',').flatMap(one))].toSorted((a, b) => a - b)
}

const date_field: Field = { name: 'day of month', from: 1, to: 31 }
const weekday_field: Field = { name: 'day of week', from: 1, to: 7, names: weekday_names }

/** The working day nearest to a date, within its month. */
const isNearestWeekday = (day: Day, wanted: number): boolean => {
  const target = Math.min(wanted, day.last_date)
  const weekday = (((day.weekday - 1 + (target - day.date)) % 7) + 7) % 7
  const shift = weekday === 6 ? (target > 1 ? -1 : 2) : weekday === 0 ? (target < day.last_date ? 1 : -2) : 0
  return day.date === target + shift
}

const dateTest = (text: string): DayTest => {
  if (text === 'L') return (day) => day.date === day.last_date
  if (text === 'LW') return (day) => isNearestWeekday(day, day.last_date)
  const [, nearest] = /^(\d+)W$/.exec(text) ?? []
  if (nearest !== undefined) return (day) => isNearestWeekday(day, numberOf(nearest, date_field))
  const dates = new Set(valuesOf(text, date_field))
  return (day) => dates.has(day.date)
}

const weekdayTest = (text: string): DayTest => {
  if (text === 'L') return (day) => day.weekday === 7
  const [, last] = /^(\w+)L$/.exec(text) ?? []
  if (last !== undefined) {
    const weekday = numberOf(last, weekday_field)
    return (day) => day.weekday === weekday && day.date > day.last_date - 7
  }
  const [, nth_of, nth] = /^(\w+)#([1-5])$/.exec(text) ?? []
  if (nth_of !== undefined) {
    const weekday = numberOf(nth_of, weekday_field)
    return (day) => day.weekday === weekday && Math.ceil(day.date / 7) === Number(nth)
  }
  const weekdays = new Set(valuesOf(text, weekday_field))
  return (day) => weekdays.has(day.weekday)
}

/** @param text the six fields, without `cron(` and `)` @throws where it is none */
export const parseAwsCron = (text: string): AwsCron => {
  const [minutes = '', hours = '', date = '', months = '', weekday = '', year = '', ...more] = text.trim().split(/\s+/)
  if (year === '' || more.length > 0) throw new Error(`cron(${text}) has not six fields`)
  if ((date === '?') === (weekday === '?')) throw new Error(`cron(${text}): exactly one of day of month and day of week must be ?`)
  const month_set = new Set(valuesOf(months, { name: 'month', from: 1, to: 12, names: month_names }))
  const year_values = valuesOf(year, { name: 'year', ...years })
  const year_set = new Set(year_values)
  const day_matches = date === '?' ? weekdayTest(weekday) : dateTest(date)
  return {
    minutes: valuesOf(minutes, { name: 'minute', from: 0, to: 59 }),
    hours: valuesOf(hours, { name: 'hour', from: 0, to: 23 }),
    matches: (day) => month_set.has(day.month) && year_set.has(day.year) && day_matches(day),
    last_year: year_values.at(-1) ?? years.to,
  }
}

const day_ms = 86_400_000
const dayOf = (wall_ms: number): Day => {
  const date = new Date(wall_ms)
  const year = date.getUTCFullYear()
  const month = date.getUTCMonth() + 1
  return { year, month, date: date.getUTCDate(), weekday: date.getUTCDay() + 1, last_date: new Date(Date.UTC(year, month, 0)).getUTCDate() }
}

/** No change of an offset is larger than this, but for zones that changed sides of the date line. */
const shift_max_ms = 3 * 3_600_000

const firstIn = (cron: AwsCron, zone: Zone, midnight_ms: number, ref_ms: number, from_wall_ms: number): number | undefined => {
  let first: number | undefined
  for (const hour of cron.hours) {
    for (const minute of cron.minutes) {
      const wall_ms = midnight_ms + hour * 3_600_000 + minute * 60_000
      if (wall_ms < from_wall_ms) continue
      const at_ms = zone.instantOf(wall_ms)
      if (at_ms === undefined || at_ms <= ref_ms) continue
      if (first === undefined || at_ms < first) first = at_ms
      // Wall times and instants are in the same order but around a change of the offset.
      if (zone.offsetAt(at_ms - shift_max_ms) === zone.offsetAt(at_ms + shift_max_ms)) return first
    }
  }
  return first
}

/** The first fire strictly after `ref_ms`. */
export const nextAwsCron = (cron: AwsCron, timezone: string, ref_ms: number): number | undefined => {
  const zone = zoneOf(timezone)
  const from_wall_ms = ref_ms + zone.offsetAt(ref_ms) - shift_max_ms
  const days_max = 366 * 60
  let midnight_ms = Math.floor(from_wall_ms / day_ms) * day_ms
  for (let days = 0; days < days_max; days += 1, midnight_ms += day_ms) {
    const day = dayOf(midnight_ms)
    if (day.year > cron.last_year) return undefined
    const found = cron.matches(day) ? firstIn(cron, zone, midnight_ms, ref_ms, from_wall_ms) : undefined
    if (found !== undefined) return found
  }
  return undefined
}
