/**
 * The words of SPEC §5 about cron, taken literally: minute by minute over what the clocks of a zone show. Slow, and shares no code with
 * what it judges: it reads expressions, the calendar and the zones' offsets in ways of its own.
 */
const minute_ms = 60_000
const quarter_ms = 15 * minute_ms
const day_ms = 24 * 60 * minute_ms

const month_names = ['', 'jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const day_names = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

/** `a/n` goes on to the end of the field, which is Saturday for days of the week. */
const matchesPart = (part: string, value: number, from: number, to: number, names: readonly string[]): boolean => {
  const number = (text: string): number => (names.includes(text.toLowerCase()) ? names.indexOf(text.toLowerCase()) : Number(text))
  const [range = '', step] = part.split('/')
  const [first = '', last] = range.split('-')
  const low = range === '*' ? from : number(first)
  const high = range === '*' ? to : last === undefined ? (step === undefined ? low : to) : number(last)
  return value >= low && value <= high && (value - low) % Number(step ?? 1) === 0
}
const matches = (field: string, value: number, from: number, to: number, names: readonly string[] = []): boolean =>
  field.split(',').some((part) => matchesPart(part, value, from, to, names))

/** What the zone's clocks are ahead of UTC, as the runtime writes it: GMT, GMT-03:00, GMT+05:45. */
export class OracleZone {
  readonly #format: Intl.DateTimeFormat
  readonly #known = new Map<number, number>()
  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' })
  }
  offset_ms(at_ms: number): number {
    const quarter = Math.floor(at_ms / quarter_ms)
    const known = this.#known.get(quarter)
    if (known !== undefined) return known
    const [, sign, hours, minutes] = /GMT(?:([+-])(\d\d):(\d\d))?$/.exec(this.#format.format(quarter * quarter_ms)) ?? []
    const offset_ms = (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * minute_ms
    this.#known.set(quarter, offset_ms)
    return offset_ms
  }
  /** The first instants with another offset than the quarter of an hour before. */
  changes(from_ms: number, to_ms: number): readonly number[] {
    const found: number[] = []
    for (let day = from_ms; day < to_ms; day += day_ms) {
      if (this.offset_ms(day) === this.offset_ms(day + day_ms)) continue
      for (let at = day + quarter_ms; at <= day + day_ms; at += quarter_ms) {
        if (this.offset_ms(at) !== this.offset_ms(at - quarter_ms)) found.push(at)
      }
    }
    return found
  }
}

/** Any of the two passes of a wall time but the first one. No zone has set its clocks back by more than three hours since 1993. */
const isLaterPass = (zone: OracleZone, at_ms: number): boolean => {
  const wall_ms = at_ms + zone.offset_ms(at_ms)
  for (let earlier = at_ms - minute_ms; earlier >= at_ms - 180 * minute_ms; earlier -= minute_ms) {
    if (earlier + zone.offset_ms(earlier) === wall_ms) return true
  }
  return false
}

export class OracleCron {
  readonly #fields: readonly string[]
  readonly #days = new Map<number, boolean>()
  readonly #minutes: readonly boolean[]
  readonly #hours: readonly boolean[]
  readonly #by_elapsed_time: boolean
  constructor(expr: string) {
    this.#fields = expr.split(' ')
    const [minute = '', hour = ''] = this.#fields
    this.#minutes = Array.from({ length: 60 }, (_, value) => matches(minute, value, 0, 59))
    this.#hours = Array.from({ length: 24 }, (_, value) => matches(hour, value, 0, 23))
    this.#by_elapsed_time = minute.startsWith('*') || hour.startsWith('*')
  }

  /** @param day a date, as days since 1 January 1970 */
  isDay(day: number): boolean {
    const known = this.#days.get(day)
    if (known !== undefined) return known
    const [, , dom = '', month = '', dow = ''] = this.#fields
    const date = new Date(day * day_ms)
    const by_date = matches(dom, date.getUTCDate(), 1, 31)
    const weekday = date.getUTCDay()
    const by_weekday = matches(dow, weekday, 0, 6, day_names) || (weekday === 0 && matches(dow, 7, 0, 6))
    const both_given = !dom.startsWith('*') && !dow.startsWith('*')
    const is = matches(month, date.getUTCMonth() + 1, 1, 12, month_names) && (both_given ? by_date || by_weekday : by_date && by_weekday)
    this.#days.set(day, is)
    return is
  }

  isTime(hour: number, minute: number): boolean {
    return this.#minutes[minute] === true && this.#hours[hour] === true
  }

  /** Whether a minute is a tick. @param at_ms a whole minute */
  isTick(zone: OracleZone, at_ms: number): boolean {
    const wall_ms = at_ms + zone.offset_ms(at_ms)
    const day = Math.floor(wall_ms / day_ms)
    const minute_of_day = (wall_ms - day * day_ms) / minute_ms
    if (!this.isTime(Math.floor(minute_of_day / 60), minute_of_day % 60) || !this.isDay(day)) return false
    return this.#by_elapsed_time || !isLaterPass(zone, at_ms)
  }

  /** The first tick strictly after an instant, up to another. While UTC has a date, clocks anywhere show it or a date beside it. */
  next(zone: OracleZone, ref_ms: number, until_ms: number): number | undefined {
    let at_ms = (Math.floor(ref_ms / minute_ms) + 1) * minute_ms
    while (at_ms <= until_ms) {
      const day = Math.floor(at_ms / day_ms)
      if (!this.isDay(day - 1) && !this.isDay(day) && !this.isDay(day + 1)) at_ms = (day + 1) * day_ms
      else if (this.isTick(zone, at_ms)) return at_ms
      else at_ms += minute_ms
    }
    return undefined
  }

  /** The ticks after an instant and up to another, oldest first. Minute by minute wherever the offset changes within a day of it. */
  between(zone: OracleZone, from_ms: number, to_ms: number): readonly number[] {
    const found: number[] = []
    const times = Array.from({ length: 1_440 }, (_, minute) => minute).filter((minute) => this.isTime(Math.floor(minute / 60), minute % 60))
    for (let day = Math.floor(from_ms / day_ms) - 1; day * day_ms <= to_ms + day_ms; day += 1) {
      if (!this.isDay(day)) continue
      const offset_ms = zone.offset_ms((day - 1) * day_ms)
      if (offset_ms === zone.offset_ms((day + 2) * day_ms)) found.push(...times.map((minute) => day * day_ms + minute * minute_ms - offset_ms))
      else found.push(...this.#slowly(zone, day))
    }
    return found.filter((at_ms) => at_ms > from_ms && at_ms <= to_ms).toSorted((a, b) => a - b)
  }

  #slowly(zone: OracleZone, day: number): readonly number[] {
    const found: number[] = []
    for (let at_ms = (day - 1) * day_ms; at_ms < (day + 2) * day_ms; at_ms += minute_ms) {
      if (Math.floor((at_ms + zone.offset_ms(at_ms)) / day_ms) === day && this.isTick(zone, at_ms)) found.push(at_ms)
    }
    return found
  }
}
