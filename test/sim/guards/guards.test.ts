import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { guards } from './guards.ts'
import { guardsPage } from './page.ts'

const root = resolve(import.meta.dirname, '../../..')

test.each(guards)('$name stands exactly once in $file', ({ file, find, replace }) => {
  expect(readFileSync(resolve(root, file), 'utf8').split(find)).toHaveLength(2)
  expect(replace).not.toBe(find)
})

test('each guard has a name of its own', () => {
  expect(new Set(guards.map(({ name }) => name)).size).toBe(guards.length)
})

test('at most one in twenty is harmless, and none without a reason', () => {
  const harmless = guards.flatMap((guard) => (guard.harmless === undefined ? [] : [guard.harmless]))
  expect(harmless.length * 20).toBeLessThanOrEqual(guards.length)
  for (const why of harmless) expect(why.length).toBeGreaterThan(40)
})

test('the page of guards is up to date: npm run docs', () => {
  expect(readFileSync(resolve(root, 'docs/guards.md'), 'utf8')).toBe(guardsPage())
})
