import { expect, test } from 'vitest'
import { parseExpression } from './expression.ts'

const after = (expression: string, zone: string, ref: string, count = 3): string[] => {
  const parsed = parseExpression(expression, zone, Date.parse(ref))
  const found: string[] = []
  let ref_ms = Date.parse(ref)
  while (found.length < count) {
    const next = parsed.next(ref_ms)
    if (next === undefined) break
    found.push(new Date(next).toISOString().replace(':00.000Z', 'Z'))
    ref_ms = next
  }
  return found
}

test.each([
  ['cron(0 9 ? * MON-FRI *)', 'Europe/Berlin', '2026-11-20T09:00:00Z', ['2026-11-23T08:00Z', '2026-11-24T08:00Z', '2026-11-25T08:00Z']],
  ['cron(0/15 * * * ? *)', 'UTC', '2026-11-20T09:07:00Z', ['2026-11-20T09:15Z', '2026-11-20T09:30Z', '2026-11-20T09:45Z']],
  ['cron(0 0 L * ? *)', 'UTC', '2027-01-31T00:00:00Z', ['2027-02-28T00:00Z', '2027-03-31T00:00Z', '2027-04-30T00:00Z']],
  ['cron(0 0 15W * ? *)', 'UTC', '2026-11-01T00:00:00Z', ['2026-11-16T00:00Z', '2026-12-15T00:00Z', '2027-01-15T00:00Z']],
  ['cron(0 0 1W * ? *)', 'UTC', '2027-04-30T00:00:00Z', ['2027-05-03T00:00Z', '2027-06-01T00:00Z', '2027-07-01T00:00Z']],
  ['cron(0 0 ? * 6L *)', 'UTC', '2026-11-01T00:00:00Z', ['2026-11-27T00:00Z', '2026-12-25T00:00Z', '2027-01-29T00:00Z']],
  ['cron(0 0 ? * 2#1 *)', 'UTC', '2026-11-03T00:00:00Z', ['2026-12-07T00:00Z', '2027-01-04T00:00Z', '2027-02-01T00:00Z']],
  ['cron(0 0 29 2 ? *)', 'UTC', '2026-11-03T00:00:00Z', ['2028-02-29T00:00Z', '2032-02-29T00:00Z', '2036-02-29T00:00Z']],
  ['cron(0 0 1 1 ? 2027)', 'UTC', '2026-11-03T00:00:00Z', ['2027-01-01T00:00Z']],
  ['cron(0 0 ? * FRI-MON *)', 'UTC', '2026-11-19T00:00:00Z', ['2026-11-20T00:00Z', '2026-11-21T00:00Z', '2026-11-22T00:00Z']],
])('%s in %s', (expression, zone, ref, expected) => {
  expect(after(expression, zone, ref)).toEqual(expected)
})

test('a wall time that is skipped is no fire, one that comes twice is one', () => {
  expect(after('cron(30 2 * * ? *)', 'Europe/Berlin', '2026-03-28T00:00:00Z')).toEqual(['2026-03-28T01:30Z', '2026-03-30T00:30Z', '2026-03-31T00:30Z'])
  expect(after('cron(30 2 * * ? *)', 'Europe/Berlin', '2026-10-24T12:00:00Z')).toEqual(['2026-10-25T00:30Z', '2026-10-26T01:30Z', '2026-10-27T01:30Z'])
  expect(after('cron(0/30 * * * ? *)', 'Europe/Berlin', '2026-10-25T00:00:00Z', 4)).toEqual([
    '2026-10-25T00:30Z',
    '2026-10-25T02:00Z',
    '2026-10-25T02:30Z',
    '2026-10-25T03:00Z',
  ])
})

test('rates count from their start, at rings once', () => {
  expect(after('rate(5 minutes)', 'UTC', '2026-11-20T09:07:00Z')).toEqual(['2026-11-20T09:12Z', '2026-11-20T09:17Z', '2026-11-20T09:22Z'])
  expect(after('at(2026-11-22T09:00:00)', 'Europe/Berlin', '2026-11-20T09:07:00Z')).toEqual(['2026-11-22T08:00Z'])
  expect(after('at(2026-11-22T09:00:00)', 'UTC', '2026-11-22T09:00:00Z')).toEqual([])
})

test.each(['cron(* * * * *)', 'cron(0 0 1 * 2 *)', 'cron(60 0 1 * ? *)', 'cron(0 0 ? * 8 *)', 'rate(0 minutes)', 'at(tomorrow)', 'never'])(
  '%s is refused',
  (expression) => {
    expect(() => parseExpression(expression, 'UTC', 0)).toThrow(/is no |six fields|must be|Invalid Schedule/)
  },
)

test('an unknown zone is refused', () => {
  expect(() => parseExpression('cron(0 0 * * ? *)', 'Mars/Olympus', 0)).toThrow('Mars/Olympus')
})
