import { expect, test } from 'vitest'
import { canonicalHash } from './canonical-json.ts'

test('the order of keys does not count, at any depth', () => {
  expect(canonicalHash({ a: 1, b: { c: [1, { d: 2, e: 3 }], f: null } })).toBe(canonicalHash({ b: { f: null, c: [1, { e: 3, d: 2 }] }, a: 1 }))
})

test('values, the order of lists, and absence count', () => {
  const hashes = [{ a: 1 }, { a: '1' }, { a: [1, 2] }, { a: [2, 1] }, {}, { a: null }].map(canonicalHash)
  expect(new Set(hashes).size).toBe(hashes.length)
})
