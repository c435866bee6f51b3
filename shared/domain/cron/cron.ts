/** Cron expressions of five fields: `minute hour dom month dow` (SPEC §5). */
import { ok, refuse, type FieldError, type Refusal, type Result } from '../result.ts'
import { daysInMonth } from './calendar.ts'

export interface Cron {
  readonly expr: string
  readonly minutes: readonly number[]
  readonly hours: readonly number[]
  readonly dates: ReadonlySet<number>
  readonly months: ReadonlySet<number>
  /** 0 is Sunday. */
  readonly weekdays: ReadonlySet<number>
  /** Both days are given: a day that is either will do. Otherwise it has to be both. */
  readonly either_day: boolean
  /** The minute or the hour starts with `*`: it goes by elapsed time where clocks are set back. */
  readonly by_elapsed_time: boolean
}

interface Field {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly names?: readonly string[]
}

const fields = {
  minute: { name: 'minute', from: 0, to: 59 },
  hour: { name: 'hour', from: 0, to: 23 },
  dom: { name: 'day of the month', from: 1, to: 31 },
  month: { name: 'month', from: 1, to: 12, names: ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'] },
  /** 7 is Sunday, too. */
  dow: { name: 'day of the week', from: 0, to: 7, names: ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] },
} as const satisfies Record<string, Field>

const numberOf = (text: string, field: Field): number | undefined => {
  const named = field.names?.indexOf(text.toUpperCase()) ?? -1
  const value = named >= 0 ? named + field.from : /^\d{1,2}$/.test(text) ? Number(text) : undefined
  return value !== undefined && value >= field.from && value <= field.to ? value : undefined
}

/** `*`, `a`, `a-b`, each with a step. @returns undefined where it is none of them */
const partOf = (part: string, field: Field): readonly number[] | undefined => {
  const [, range = '', step_text] = /^([^/]+)(?:\/(\d{1,2}))?$/.exec(part) ?? []
  const step = step_text === undefined ? 1 : Number(step_text)
  const [low = '', high, ...more] = range.split('-')
  const from = range === '*' ? field.from : numberOf(low, field)
  const end = range === '*' || (high === undefined && step_text !== undefined) ? (field === fields.dow ? 6 : field.to) : from
  const to = high === undefined ? end : numberOf(high, field)
  if (more.length > 0 || step < 1 || from === undefined || to === undefined || to < from) return undefined
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, at) => from + at * step)
}

const wrong = (field: Field, value: string): FieldError => ({
  field: 'cron_expr',
  message: `the ${field.name} ${value} is none: write a number from ${field.from} to ${field.to}${field.names === undefined ? '' : ' or a name'}, a range a-b, *, a step /n, or a list with commas`,
  value,
  allowed: [`${field.from}-${field.to}`, '*', ...(field.names ?? [])],
})

const valuesOf = (text: string, field: Field): Result<readonly number[]> => {
  const values: number[] = []
  for (const part of text.split(',')) {
    const found = partOf(part, field)
    if (found === undefined) {
      const error = wrong(field, part)
      return refuse('invalid_request', error.message, [error])
    }
    values.push(...found)
  }
  return ok([...new Set(values)].toSorted((a, b) => a - b))
}

const month_names = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']

/** Refuses dates that no month has. */
const refuseNever = (cron: Cron): Refusal | undefined => {
  if (cron.either_day) return undefined
  // A leap year: 29 February happens.
  const happens = [...cron.months].some((month) => [...cron.dates].some((date) => date <= daysInMonth(2028, month)))
  if (happens) return undefined
  const [month = 1] = cron.months
  const date = `${[...cron.dates].join(', ')} ${month_names[month - 1]}`
  return refuse('invalid_request', `cron_expr ${cron.expr}: ${date} never happens`, [
    { field: 'cron_expr', message: `${date} never happens`, value: cron.expr },
  ])
}

/** Parses an expression; a refusal says which field is wrong and what it may be. */
export const parseCron = (expr: string): Result<Cron> => {
  const [minute = '', hour = '', dom = '', month = '', dow = '', ...more] = expr.trim().split(/\s+/)
  if (dow === '' || more.length > 0) {
    const message = 'must have five fields: minute, hour, day of the month, month, day of the week, as in 0 9 * * 1-5'
    return refuse('invalid_request', `cron_expr ${message}`, [{ field: 'cron_expr', message, value: expr }])
  }
  const minutes = valuesOf(minute, fields.minute)
  const hours = valuesOf(hour, fields.hour)
  const dates = valuesOf(dom, fields.dom)
  const months = valuesOf(month, fields.month)
  const weekdays = valuesOf(dow, fields.dow)
  if (!minutes.ok) return minutes
  if (!hours.ok) return hours
  if (!dates.ok) return dates
  if (!months.ok) return months
  if (!weekdays.ok) return weekdays
  const cron: Cron = {
    expr: [minute, hour, dom, month, dow].join(' '),
    minutes: minutes.value,
    hours: hours.value,
    dates: new Set(dates.value),
    months: new Set(months.value),
    weekdays: new Set(weekdays.value.map((day) => day % 7)),
    either_day: !dom.startsWith('*') && !dow.startsWith('*'),
    by_elapsed_time: minute.startsWith('*') || hour.startsWith('*'),
  }
  return refuseNever(cron) ?? ok(cron)
}
