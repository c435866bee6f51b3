/** Numbers, times and lengths as people read them. */

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const

/** A duration in one unit or two: `0.4s`, `12s`, `3m 5s`, `2h 10m`. @param ms milliseconds */
export const duration = (ms: number): string => {
  if (ms < 10_000) return `${(Math.max(0, ms) / 1_000).toFixed(1)}s`
  const at = units.findIndex(([, size]) => ms >= size)
  const [big, small] = [units[at], units[at + 1]]
  if (big === undefined) return '0s'
  const rest = small === undefined ? 0 : Math.floor((ms % big[1]) / small[1])
  return small === undefined || rest === 0 ? `${Math.floor(ms / big[1])}${big[0]}` : `${Math.floor(ms / big[1])}${big[0]} ${rest}${small[0]}`
}

/** How long ago, in one unit: `now`, `12s ago`, `3h ago`, and `in 5m` for what is to come. @param at RFC 3339 */
export const ago = (at: string, now_ms: number): string => {
  const distance = now_ms - Date.parse(at)
  const unit = units.find(([, size]) => Math.abs(distance) >= size)
  if (unit === undefined) return 'now'
  const text = `${Math.floor(Math.abs(distance) / unit[1])}${unit[0]}`
  return distance < 0 ? `in ${text}` : `${text} ago`
}

/** Digits in groups of three: `12,345`. */
export const count = (value: number): string => value.toLocaleString('en-US')

/** A cost with as many digits as it takes to see it: `$12.34`, `$0.0042`, `$0`. */
export const usd = (value: number): string => {
  if (value === 0) return '$0'
  if (value >= 1) return `$${value.toFixed(2)}`
  return value < 0.000_001 ? '<$0.000001' : `$${value.toFixed(6).replace(/(\.\d{2}\d*?)0+$/, '$1')}`
}

/** One line of at most `max` characters; what is cut off is marked. */
export const oneLine = (text: string, max: number): string => {
  const flat = text.replace(/\s+/g, ' ').trim()
  return flat.length <= max ? flat : `${flat.slice(0, Math.max(0, max - 1))}…`
}
