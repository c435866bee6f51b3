import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { redactText } from '../shared/domain/redact.ts'
import { redactStream } from './redact-stream.ts'

const feed = (pieces: readonly string[], secrets: readonly string[] = []): string => {
  const stream = redactStream(secrets)
  return pieces.map((piece) => stream.push(piece)).join('') + stream.end()
}

const samples = [
  'hello sk-ant-api03-abcdefghijklmnop world\n',
  'line\nplanted-known-secret\nmore',
  'first half of\na known secret over lines\nand on\n',
  'a\n-----BEGIN PRIVATE KEY-----\nMIIEabc\ndef\n-----END PRIVATE KEY-----\nb\n',
  'password=hunter2 token: abc123def\r50%\r100%\n',
]
const secrets = ['planted-known-secret', 'first half of\na known secret']

test('however a text is cut, what comes out is what the whole text would give', () => {
  const cuts = fc.array(fc.nat(200), { maxLength: 12 })
  fc.assert(
    fc.property(fc.constantFrom(...samples), fc.constantFrom(...samples), cuts, (one, two, at) => {
      const text = one + two
      const borders = [0, ...at.filter((cut) => cut < text.length).toSorted((a, b) => a - b), text.length]
      const pieces = borders.slice(1).map((end, index) => text.slice(borders[index], end))
      expect(feed(pieces, secrets)).toBe(redactText(text, secrets))
    }),
    { numRuns: 300 },
  )
})

test('a line without an end is said in parts, never in the middle of a secret', () => {
  const key = 'sk-ant-api03-abcdefghijklmnopqrstuvwxyz'
  for (let before = 8_140; before < 8_200; before += 7) {
    const text = `${'x'.repeat(before)} ${key} ${'y'.repeat(8_150)}`
    const pieces = text.match(/[\s\S]{1,100}/g) ?? []
    const stream = redactStream([])
    const said = pieces.map((piece) => stream.push(piece)).join('')
    expect(said.length).toBeGreaterThan(0)
    expect(said + stream.end()).toBe(`${'x'.repeat(before)} [redacted] ${'y'.repeat(8_150)}`)
  }
})

test('whole lines are said at once', () => {
  const stream = redactStream(['one-line-secret'])
  expect(stream.push('a\nb')).toBe('a\n')
  expect(stream.push('c\n')).toBe('bc\n')
})

test('a key that never ends is not held for ever', () => {
  const text = `-----BEGIN PRIVATE KEY-----\n${'A'.repeat(60)}\n`.padEnd(40_000, 'B')
  const stream = redactStream([])
  expect(stream.push(text) + stream.end()).not.toContain('AAAA')
})
