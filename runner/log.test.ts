import { expect, test } from 'vitest'
import type { LogEntry } from '../shared/domain/event.ts'
import { createLog, cutText, log_bytes_max } from './log.ts'
import type { Plane } from './plane.ts'
import { createStop } from './stop.ts'

const never = async (): Promise<never> => {
  throw new Error('not asked for')
}
/** A plane that takes logs. */
const planeWith = (logs: Plane['logs']): Plane => ({
  claim: never,
  heartbeat: never,
  upload: never,
  inputs: never,
  turn: never,
  question: never,
  finish: never,
  logs,
})
const taken = { ok: true, value: { stored: 1 }, answered: { sent_monotonic_ms: 0, plane_now_ms: undefined } } as const

test('a burst becomes one batch, numbered in order', async () => {
  const batches: (readonly LogEntry[])[] = []
  const log = createLog({ plane: planeWith(async (entries) => (batches.push(entries), taken)), stop: createStop(), secrets: ['planted-secret'] })
  await Promise.all(['a', '', 'the planted-secret', 'c'].map((data) => log.write('stdout', 'output', data)))
  await log.flush()
  expect(batches.map((batch) => batch.map((entry) => [entry.seq, entry.data]))).toEqual([
    [
      [1, 'a'],
      [2, 'the [redacted]'],
      [3, 'c'],
    ],
  ])
})

test('a batch holds at most 500 entries and 64 KB', async () => {
  const batches: (readonly LogEntry[])[] = []
  const log = createLog({ plane: planeWith(async (entries) => (batches.push(entries), taken)), stop: createStop(), secrets: [] })
  for (let line = 0; line < 1_200; line++) await log.write('stdout', 'output', `line ${line}`)
  await log.write('stdout', 'output', 'x'.repeat(200_000))
  await log.flush()
  expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThanOrEqual(500)
  expect(Math.max(...batches.map((batch) => batch.reduce((sum, entry) => sum + entry.data.length, 0)))).toBeLessThanOrEqual(65_536)
  expect(batches.flat().map((entry) => entry.seq)).toEqual(batches.flat().map((_, index) => index + 1))
})

test('a writer that is faster than the plane waits, and is let go when the plane is lost', async () => {
  const stop = createStop()
  const log = createLog({
    plane: planeWith(() => new Promise((resolve) => stop.hard.addEventListener('abort', () => resolve({ ok: false, why: 'unreachable', message: '' })))),
    stop,
    secrets: [],
  })
  let written = 0
  const writing = (async () => {
    for (; written < 200; written++) await log.write('stdout', 'output', `${'x'.repeat(15_999)}\n`)
  })()
  await new Promise((resolve) => setImmediate(resolve))
  const before = written
  expect(before).toBeLessThan(100)
  stop.request('superseded')
  await writing
  await log.flush()
  expect(written).toBe(200)
})

test('an attempt logs so much and no more, and says so', async () => {
  let bytes = 0
  let last = ''
  const log = createLog({
    plane: planeWith(async (entries) => ((bytes += entries.reduce((sum, entry) => sum + entry.data.length, 0)), (last = entries.at(-1)?.data ?? ''), taken)),
    stop: createStop(),
    secrets: [],
  })
  const piece = 'word '.repeat(20_000)
  for (let written = 0; written < log_bytes_max + 1_000_000; written += piece.length) await log.write('stdout', 'output', piece)
  await log.flush()
  expect(bytes).toBeLessThan(log_bytes_max + 1_000_000)
  expect(last).toContain('the rest of its output is not kept')
})

test('a text is not cut in the middle of a character', () => {
  expect(cutText('a😀b', 2)).toEqual(['a', '😀', 'b'])
  expect(cutText('😀😀', 1).join('')).toBe('😀😀')
  expect(cutText('', 5)).toEqual([])
})
