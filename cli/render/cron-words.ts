/** A cron in English. */
import cronstrue from 'cronstrue'
import { parseCron, type Cron } from '../../shared/domain/cron/cron.ts'

const say = (fields: readonly string[]): string => cronstrue.toString(fields.join(' '), { use24HourTimeFormat: true, verbose: true })

/** Values by themselves, which can be said in one way only: of steps and odd ranges the library says what their author may have meant. */
const plainly = (values: Iterable<number>, count: number): string => {
  const sorted = [...values].toSorted((a, b) => a - b)
  if (sorted.length === count) return '*'
  const [first = 0, last = 0] = [sorted[0], sorted.at(-1)]
  return sorted.length > 2 && last - first === sorted.length - 1 ? `${first}-${last}` : sorted.join(',')
}

/** A step from the beginning, where that is the same each hour or day. */
const step = (text: string, count: number): string | undefined => {
  const [, every] = /^\*\/(\d+)$/.exec(text) ?? []
  return every !== undefined && Number(every) > 1 && count % Number(every) === 0 ? text : undefined
}

const weekdayWords = (dow: string): string =>
  say(['0', '0', '*', '*', dow])
    .replace(/^At 00:00, /, '')
    .replace(/^only on /, '')

const wordsOf = (cron: Cron): string => {
  const [minute_text = '', hour_text = ''] = cron.expr.split(' ')
  const minute = step(minute_text, 60) ?? plainly(cron.minutes, 60)
  const hour = step(hour_text, 24) ?? plainly(cron.hours, 24)
  const [dom, month, dow] = [plainly(cron.dates, 31), plainly(cron.months, 12), plainly(cron.weekdays, 7)]
  if (!cron.either_day && (dom === '*' || dow === '*')) return say([minute, hour, dom, month, dow])
  const by_date = say([minute, hour, dom, month, '*'])
  // The library says "and" of two days, whether one will do or it must be both.
  return cron.either_day ? `${by_date}; also on: ${weekdayWords(dow)}` : `${by_date}, where that day is: ${weekdayWords(dow)}`
}

/** What a cron says, for people; undefined where it is none. What the clocks of its zone do to it is seen by its next ticks. */
export const cronWords = (cron_expr: string): string | undefined => {
  const cron = parseCron(cron_expr)
  return cron.ok ? wordsOf(cron.value) : undefined
}
