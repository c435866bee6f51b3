import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { finding_kinds } from '../../shared/audit/finding.ts'
import { fault_names } from './faults.ts'

const page = readFileSync(resolve(import.meta.dirname, '../../docs/correctness.md'), 'utf8')

test('docs/correctness.md names every fault', () => {
  expect(fault_names.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})

test('docs/correctness.md names every invariant that is checked', () => {
  const numbers = new Set(Object.values(finding_kinds).map(({ invariant }) => invariant))
  expect([...numbers].filter((number) => !page.includes(`\n| ${number} `))).toEqual([])
})
