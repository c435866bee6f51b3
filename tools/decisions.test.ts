import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const folder = fileURLToPath(new URL('../docs/decisions/', import.meta.url))
const read = (name: string): string => readFileSync(`${folder}${name}`, 'utf8')

test('the list of decisions names each page, in order', () => {
  const pages = readdirSync(folder).filter((name) => /^\d{4}-.*\.md$/.test(name))
  const listed = [...read('README.md').matchAll(/^\| \[(\d{4})\]\(([^)]+)\)/gm)]
  expect(listed.map(([, , page]) => page)).toEqual(pages.toSorted())
  expect(listed.map(([, number, page]) => page?.startsWith(`${number}-`))).not.toContain(false)
})

test('the title of each page begins with its number', () => {
  for (const page of readdirSync(folder).filter((name) => /^\d/.test(name))) expect(read(page)).toMatch(new RegExp(`^# ${page.slice(0, 4)}: `))
})
