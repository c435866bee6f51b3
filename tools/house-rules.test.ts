import { expect, test } from 'vitest'
import { findingsIn } from './house-rules.ts'

// Spelled in two parts, so that the rules do not find them in this very file.
const dot = '.'
const rulesFoundIn = (path: string, line: string) => findingsIn(path, `const a = 1\n${line}\n`).map((finding) => finding.split(': ')[1])

test.each([
  `test${dot}skip('a', () => {})`,
  `test${dot}only('a', () => {})`,
  `test${dot}todo('a')`,
  `describe${dot}skip('a', () => {})`,
  `test.concurrent${dot}skip('a', () => {})`,
  `test${dot}skipIf(process.platform === 'darwin')('a', () => {})`,
  `ctx${dot}skip()`,
])('a test that would not run is found: %s', (line) => {
  expect(rulesFoundIn('shared/a.test.ts', line)).toEqual(['no-skipped-test'])
})

test.each([`test('a', { ${'skip'}: true }, () => {})`, `test('a', ({ ${'skip'} }) => {`])('a skip through options or context is found: %s', (line) => {
  expect(rulesFoundIn('shared/a.test.ts', line)).toEqual(['no-skip-from-context'])
})

test('the same words in a source file or in a sentence are no finding', () => {
  expect(rulesFoundIn('shared/a.ts', `iterator${dot}skip(3)`)).toEqual([])
  expect(rulesFoundIn('shared/a.test.ts', "test('skip only what is done', () => {")).toEqual([])
})

test('imports', () => {
  expect(rulesFoundIn('shared/a.ts', `import { z } from ${"'zod'"}`)).toEqual(['zod-namespace-import'])
  expect(rulesFoundIn('shared/a.ts', "import * as z from 'zod'")).toEqual([])
  expect(rulesFoundIn('shared/a.ts', `import { b } from ${"'./b'"}`)).toEqual(['relative-import-with-extension'])
  expect(rulesFoundIn('shared/a.ts', "import { b } from './b.ts'")).toEqual([])
})

test('a path of somebody’s machine is found, a URL path is not', () => {
  expect(rulesFoundIn('README.md', `cd /${'Users'}/me`)).toEqual(['no-machine-path'])
  expect(rulesFoundIn('README.md', 'GET https://example.com/Users/me')).toEqual([])
})

test('a finding names file and line', () => {
  expect(findingsIn('shared/a.test.ts', `\n\ntest${dot}only('a', () => {})`)[0]).toMatch(/^shared\/a\.test\.ts:3: /)
})
