/** What a run of many years does: crons and zones in which clocks change, outages, and what becomes of alarms. */
import type { Seeded } from '../../support/seeded.ts'

const minute_ms = 60_000

/** More of the hours at which clocks change; from some ticks a year to some a day in the months in which they do. */
const shapes: readonly ((random: Seeded) => string)[] = [
  ({ int }) => `${int(60)} ${int(24)} * * ${int(7)}`,
  ({ int }) => `${int(60)} ${int(4)} * * SUN`,
  ({ int }) => `${int(60)} ${int(24)} ${1 + int(31)} * *`,
  ({ int }) => `${int(60)} ${int(24)} ${1 + int(28)},${1 + int(28)} * ${int(7)}`,
  ({ int }) => `${int(60)} 1,2,3 * 3,4,10,11 0`,
  ({ pick }) => `*/30 ${pick(['1', '2', '3', '1-2'])} * 3,4,10,11 SUN`,
  ({ pick }) => `${pick(['*/20', '0,30', '15'])} 1-2 25-31 3,10 *`,
  ({ int, pick }) => `${int(60)} ${pick(['*/6', '*/4', '0,12'])} 1,15 * *`,
  // EventBridge has no words for these: a date that must be a given day of the week, too.
  ({ int }) => `${int(60)} ${int(24)} */2 * ${int(7)}`,
  ({ int }) => `${int(60)} 1-3 */3 * SUN`,
  ({ int }) => `${int(60)} 0 29 2 *`,
]
const daily = ({ int }: Seeded): string => `${int(60)} ${int(4)} * * *`
/** One in so many ticks every day: 3,650 times in ten years. */
const daily_each = 100

export const cronOf = (random: Seeded, position: number): string => (position % daily_each === 0 ? daily(random) : random.pick(shapes)(random))

export interface Outage {
  readonly from_ms: number
  readonly to_ms: number
}
const day_ms = 1_440 * minute_ms

/** From a minute to three days, short ones more often, about one a fortnight. */
export const outagesOf = (random: Seeded, from_ms: number, to_ms: number): readonly Outage[] => {
  const outages: Outage[] = []
  for (let at_ms = from_ms + random.int(14 * day_ms); at_ms < to_ms; at_ms += random.int(28 * day_ms)) {
    const length_ms = Math.round(minute_ms * 4_320 ** random.next())
    outages.push({ from_ms: at_ms, to_ms: at_ms + length_ms })
    at_ms += length_ms
  }
  return outages
}

/** How long after its time an alarm is heard: each number is one ring. Precise to a minute, if all is well. */
export const ringsOf = ({ next, int }: Seeded): readonly number[] => {
  const luck = next()
  if (luck < 0.15) return []
  if (luck < 0.3) return [int(60_000), int(120_000)]
  if (luck < 0.45) return [60_000 + int(600_000)]
  if (luck < 0.55) return [-int(5_000)]
  if (luck < 0.6) return [-int(3_600_000)]
  return [int(60_000)]
}
