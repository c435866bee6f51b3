/** Cron expressions of every form, with more of the hours at which clocks change, and zones whose rules are worth a test. */
import * as fc from 'fast-check'

export const zones_with_rules: readonly string[] = [
  ...['Africa/Cairo', 'Africa/Casablanca', 'Africa/El_Aaiun', 'Africa/Juba', 'Africa/Khartoum', 'Africa/Sao_Tome', 'Africa/Tripoli', 'Africa/Windhoek'],
  ...['America/Asuncion', 'America/Caracas', 'America/Chicago', 'America/Chihuahua', 'America/Goose_Bay', 'America/Grand_Turk', 'America/Halifax'],
  ...['America/Havana', 'America/Los_Angeles', 'America/Mexico_City', 'America/Montevideo', 'America/New_York', 'America/Nuuk', 'America/Port-au-Prince'],
  ...['America/Punta_Arenas', 'America/Santiago', 'America/Sao_Paulo', 'America/Scoresbysund', 'America/St_Johns', 'America/Tijuana'],
  ...['Antarctica/Casey', 'Antarctica/Macquarie', 'Antarctica/Troll', 'Asia/Almaty', 'Asia/Amman', 'Asia/Beirut', 'Asia/Damascus', 'Asia/Famagusta'],
  ...['Asia/Gaza', 'Asia/Hebron', 'Asia/Jerusalem', 'Asia/Kathmandu', 'Asia/Pyongyang', 'Asia/Tehran', 'Asia/Ulaanbaatar', 'Asia/Yakutsk'],
  ...['Atlantic/Azores', 'Australia/Adelaide', 'Australia/Lord_Howe', 'Australia/Sydney', 'Europe/Berlin', 'Europe/Chisinau', 'Europe/Dublin'],
  ...['Europe/Istanbul', 'Europe/Lisbon', 'Europe/London', 'Europe/Moscow', 'Europe/Volgograd', 'Pacific/Apia', 'Pacific/Auckland', 'Pacific/Chatham'],
  ...['Pacific/Easter', 'Pacific/Fakaofo', 'Pacific/Fiji', 'Pacific/Norfolk', 'Pacific/Tongatapu', 'UTC'],
]

interface Shape {
  readonly from: number
  readonly to: number
  readonly often?: readonly number[]
  readonly names?: readonly string[]
}

const anyCase = (name: string): fc.Arbitrary<string> => fc.constantFrom(name, name.toLowerCase(), `${name.slice(0, 1)}${name.slice(1).toLowerCase()}`)

const field = ({ from, to, often = [], names }: Shape): fc.Arbitrary<string> => {
  const value = fc.oneof(fc.integer({ min: from, max: to }), fc.constantFrom(...(often.length === 0 ? [from, to] : often)))
  const text = names === undefined ? value.map(String) : fc.oneof(value.map(String), fc.constantFrom(...names).chain(anyCase))
  const step = fc.integer({ min: 1, max: to + 1 - from })
  const range = fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`)
  const part = fc.oneof(
    { weight: 4, arbitrary: text },
    { weight: 2, arbitrary: range },
    { weight: 1, arbitrary: fc.tuple(range, step).map((parts) => parts.join('/')) },
    { weight: 1, arbitrary: fc.tuple(fc.integer({ min: from, max: names?.[0] === 'SUN' ? 6 : to }), step).map((parts) => parts.join('/')) },
  )
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant('*') },
    { weight: 2, arbitrary: step.map((every) => `*/${every}`) },
    { weight: 5, arbitrary: part },
    { weight: 2, arbitrary: fc.array(part, { minLength: 2, maxLength: 4 }).map((parts) => parts.join(',')) },
    { weight: 1, arbitrary: text.map((one) => `*,${one}`) },
  )
}

const months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const weekdays = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']

const minute = field({ from: 0, to: 59, often: [0, 15, 30, 45, 59] })
const hour = field({ from: 0, to: 23, often: [0, 1, 2, 3, 22, 23] })
const dom = field({ from: 1, to: 31, often: [1, 29, 30, 31] })
const month = field({ from: 1, to: 12, names: months })
const dow = field({ from: 0, to: 7, names: weekdays })
const mostly = (star: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.oneof({ weight: 3, arbitrary: fc.constant('*') }, { weight: 1, arbitrary: star })

/** Some of them never happen. */
export const cron_expressions: fc.Arbitrary<string> = fc
  .oneof(fc.tuple(minute, hour, mostly(dom), mostly(month), mostly(dow)), fc.tuple(minute, hour, dom, month, dow))
  .map((fields) => fields.join(' '))
