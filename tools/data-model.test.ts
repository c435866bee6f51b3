import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { indexes } from '../shared/store/keys.ts'
import { access_patterns } from '../shared/store/patterns.ts'
import { dataModelPage } from './data-model-page.ts'

test('the data model page is up to date: node tools/data-model.ts', () => {
  expect(readFileSync(new URL('../docs/data-model.md', import.meta.url), 'utf8')).toBe(dataModelPage())
})

test('every index answers a question, and no question stands there twice', () => {
  expect(new Set(access_patterns.map(({ index }) => index))).toEqual(new Set(['table', ...Object.keys(indexes)]))
  expect(new Set(access_patterns.map(({ name }) => name)).size).toBe(access_patterns.length)
  for (const { index, consistency } of access_patterns) expect(consistency).toBe(index === 'table' ? 'strong' : 'eventual')
})
