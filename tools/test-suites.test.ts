import { globSync } from 'node:fs'
import { matchesGlob } from 'node:path'
import { expect, test } from 'vitest'
import { test_suites } from './test-suites.ts'

const ignored = new Set(['node_modules', '.git', '.build', '.lanekeeper', 'cdk.out'])

test('every test file belongs to exactly one suite, so none is left unrun', () => {
  const paths = globSync('**/*.test.ts', { cwd: new URL('..', import.meta.url), exclude: (name) => ignored.has(name) })
  expect(paths.length).toBeGreaterThan(0)
  const strays = paths.filter((path) => test_suites.filter(({ include }) => matchesGlob(path, include)).length !== 1)
  expect(strays).toEqual([])
})
