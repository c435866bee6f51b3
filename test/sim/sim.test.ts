/** The whole plane under 300 seeds of every fault, the seeds that once found something, and that the same seed is the same run. */
import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { fault_names } from './faults.ts'
import { simulateMany, type Sum } from './many.ts'
import { regressions } from './regressions.ts'
import { paceOf, paceText, sumText } from './report.ts'
import { shrink } from './shrink.ts'
import { simulate } from './simulate.ts'
import { timelinePage } from './timeline.ts'

const seeds = 300
let sum: Sum | undefined

const root = resolve(import.meta.dirname, '../..')
const Told = z.looseObject({ seeds: z.int(), hash: z.string(), failures: z.array(z.unknown()) })

test(`${seeds} seeds are clean, and every fault strikes`, { timeout: 300_000 }, async () => {
  const began_ms = performance.now()
  sum = await simulateMany({ from: 1, seeds, workers: availableParallelism(), first: false })
  console.log(paceText(paceOf(sum, performance.now() - began_ms)))
  expect(sum.failures, sumText(sum, performance.now() - began_ms)).toEqual([])
  expect(fault_names.filter((name) => sum?.faults[name] === 0)).toEqual([])
  expect(Object.keys(sum.ends).toSorted()).toEqual(['cancelled', 'done', 'dropped', 'error'])
  for (const outcome of ['direct', 'queued', 'interrupted', 'restarted']) expect(sum.inputs[`${outcome}, consumed`]).toBeGreaterThan(0)
  for (const end of ['merged', 'superseded', 'rejected']) expect(sum.inputs[`queued, ${end}`]).toBeGreaterThan(0)
})

test('the same seeds give the same hashes in another process', { timeout: 300_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['test/sim/main.ts', '--seeds', String(seeds), '--json'], { cwd: root, maxBuffer: 1e8 })
  const told = Told.parse(JSON.parse(stdout))
  expect({ seeds: told.seeds, hash: told.hash, failures: told.failures }).toEqual({ seeds, hash: sum?.hash, failures: [] })
})

test.for(regressions)('seed $seed stays clean: $found', async (regression) => {
  expect((await simulate(regression)).violations).toEqual([])
})

test('a seed twice in one process is the same run, and another seed is another', async () => {
  const [first, again, other] = [await simulate({ seed: 7 }), await simulate({ seed: 7 }), await simulate({ seed: 8 })]
  expect(again.hash).toBe(first.hash)
  expect(other.hash).not.toBe(first.hash)
})

test('a trace tells each step, and the page draws it', async () => {
  const simulated = await simulate({ seed: 3, keep_trace: true })
  expect(simulated.lines.length).toBeGreaterThan(100)
  const page = timelinePage(simulated)
  expect(page).toContain('Seed 3')
  expect(page.match(/<circle/g)?.length).toBe(simulated.lines.length)
})

test('what does not fail is not shrunk', async () => {
  expect(await shrink(5, 10)).toBeUndefined()
})
