import { expect, test } from 'vitest'
import * as z from 'zod'
import { parseKeepingUnknown } from './unknown-fields.ts'

const Inner = z.discriminatedUnion('is', [z.strictObject({ is: z.literal('a'), n: z.int().default(0) }), z.strictObject({ is: z.literal('b') })])
const Outer = z.strictObject({ id: z.string(), inner: Inner, list: z.array(z.strictObject({ x: z.int() })).default([]) })

test('what is not known is kept where it was, at every depth, and defaults are filled in', () => {
  const stored = { id: 'i', later: { deep: 1 }, inner: { is: 'a', soon: true }, list: [{ x: 1 }, { x: 2, y: 3 }] }
  expect(parseKeepingUnknown(Outer, stored)).toEqual({ ...stored, inner: { is: 'a', n: 0, soon: true } })
  expect(stored.inner).toEqual({ is: 'a', soon: true })
})

test('anything else that is wrong is refused, unknown fields or not', () => {
  expect(() => parseKeepingUnknown(Outer, { id: 1, later: 1, inner: { is: 'b' } })).toThrow(z.ZodError)
  expect(() => parseKeepingUnknown(Outer, { id: 'i', later: 1, inner: { is: 'c' } })).toThrow(z.ZodError)
  expect(() => parseKeepingUnknown(Outer, undefined)).toThrow(z.ZodError)
})
