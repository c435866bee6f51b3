import { expect, test } from 'vitest'
import { ago, count, duration, oneLine, usd } from './format.ts'
import { clean, plain, styleFor } from './style.ts'
import { fields, table } from './table.ts'

test.each([
  [-5, '0.0s'],
  [400, '0.4s'],
  [9_949, '9.9s'],
  [12_400, '12s'],
  [60_000, '1m'],
  [185_000, '3m 5s'],
  [7_800_000, '2h 10m'],
  [90_000_000, '1d 1h'],
])('%d ms is %s', (ms, text) => expect(duration(ms)).toBe(text))

test.each([
  ['2026-11-22T09:00:00.000Z', 'now'],
  ['2026-11-22T08:59:48.000Z', '12s ago'],
  ['2026-11-22T05:10:00.000Z', '3h ago'],
  ['2026-11-12T09:00:00.000Z', '10d ago'],
  ['2026-11-22T09:05:30.000Z', 'in 5m'],
])('%s is %s', (at, text) => expect(ago(at, Date.parse('2026-11-22T09:00:00.500Z'))).toBe(text))

test.each([
  [0, '$0'],
  [0.004_2, '$0.0042'],
  [0.1, '$0.10'],
  [0.000_000_4, '<$0.000001'],
  [12.345, '$12.35'],
])('%d dollars are %s', (value, text) => expect(usd(value)).toBe(text))

test('numbers are grouped and long text is cut to one line', () => {
  expect(count(1_234_567)).toBe('1,234,567')
  expect(oneLine('a\n  b\tc', 20)).toBe('a b c')
  expect(oneLine('abcdefghij', 5)).toBe('abcd…')
})

test('columns align by what is seen, not by escape sequences', () => {
  const colours = styleFor({ env: {}, is_terminal: true })
  const rows = [
    { name: 'a', n: 1 },
    { name: colours.red('longer'), n: 10 },
  ]
  const text = table(
    plain,
    [
      { title: 'NAME', cell: (row: { name: string; n: number }) => row.name },
      { title: 'N', cell: (row) => String(row.n), align: 'right' },
    ],
    rows,
  )
  expect(text).toBe(`NAME     N\na        1\n${colours.red('longer')}  10\n`)
  expect(
    fields(plain, [
      ['a', '1'],
      ['long', 'x\ny'],
      ['none', undefined],
    ]),
  ).toBe('a     1\nlong  x\n      y\n')
})

test('colours need a terminal and no NO_COLOR', () => {
  expect(styleFor({ env: {}, is_terminal: true }).isColorSupported).toBe(true)
  expect(styleFor({ env: { CI: 'true' }, is_terminal: false }).isColorSupported).toBe(false)
  expect(styleFor({ env: { NO_COLOR: '1' }, is_terminal: true }).isColorSupported).toBe(false)
  expect(styleFor({ env: { TERM: 'dumb' }, is_terminal: true }).isColorSupported).toBe(false)
  expect(styleFor({ env: { FORCE_COLOR: '1' }, is_terminal: false }).isColorSupported).toBe(true)
})

test("an agent's escape sequences do not reach the terminal", () => {
  expect(clean('\u001b]0;owned\u0007red\u001b[31m\r\nnext\tcell\rover\u202e')).toBe('·]0;owned·red·[31m\nnext\tcell·over·')
})
