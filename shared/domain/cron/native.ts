/** A cron as EventBridge Scheduler writes it: six fields, Sunday is 1, and `?` for the day that is not given. */
import type { Cron } from './cron.ts'

/** ScheduleExpression takes no more characters. */
const expression_max = 256

/** Values as a list of ranges; all of them are `*`. */
const listOf = (values: readonly number[], from: number, to: number): string => {
  if (values.length === to - from + 1) return '*'
  const ranges: { first: number; last: number }[] = []
  for (const value of values) {
    const range = ranges.at(-1)
    if (range !== undefined && range.last === value - 1) range.last = value
    else ranges.push({ first: value, last: value })
  }
  return ranges.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`)).join(',')
}

const sorted = (values: ReadonlySet<number>): readonly number[] => [...values].toSorted((a, b) => a - b)

/**
 * The one or two entries that ring at the ticks of a cron, but for some of them around a change of the offset. Undefined where there are
 * none: a date that must be a given day of the week as well, or more characters than an entry takes.
 */
export const nativeCrons = (cron: Cron): readonly string[] | undefined => {
  const minutes = listOf(cron.minutes, 0, 59)
  const hours = listOf(cron.hours, 0, 23)
  const months = listOf(sorted(cron.months), 1, 12)
  const dates = listOf(sorted(cron.dates), 1, 31)
  const weekdays = listOf(
    sorted(cron.weekdays).map((day) => day + 1),
    1,
    7,
  )
  const by_date = `cron(${minutes} ${hours} ${dates} ${months} ? *)`
  const by_weekday = `cron(${minutes} ${hours} ? ${months} ${weekdays} *)`
  const entries = cron.either_day ? [by_date, by_weekday] : weekdays === '*' ? [by_date] : dates === '*' ? [by_weekday] : undefined
  return entries?.every((entry) => entry.length <= expression_max) === true ? entries : undefined
}
