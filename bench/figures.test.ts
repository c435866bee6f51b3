import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cpuPerTask, treeCpu, treeMemory } from './process-tree.ts'
import { markdownTable, replaceBetweenMarkers } from './readme.ts'
import { percentile, spread } from './statistics.ts'

test('percentiles are values of the sample, by nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, at) => 100 - at)
  expect(spread(hundred)).toEqual({ p50: 50, p99: 99 })
  expect(percentile([7], 0.5)).toBe(7)
  expect(percentile([3, 1, 2], 0.5)).toBe(2)
  expect(percentile([], 0.5)).toBeNaN()
})

test('only what stands between the markers changes', () => {
  const before = 'a\n<!-- bench:start -->\nold\n<!-- bench:end -->\nb\n'
  expect(replaceBetweenMarkers(before, '\nnew\n')).toBe('a\n<!-- bench:start -->\nnew\n<!-- bench:end -->\nb\n')
  expect(() => replaceBetweenMarkers('<!-- bench:end --><!-- bench:start -->', 'x')).toThrow(/README\.md needs/)
})

test('a table in Markdown', () => {
  expect(
    markdownTable([
      ['', 'A'],
      ['x', '1'],
    ]),
  ).toBe('|  | A |\n| --- | ---: |\n| x | 1 |')
})

test('what a process holds and has spent is that of its whole tree, and of no other', async () => {
  const proc = await mkdtemp(join(tmpdir(), 'lanekeeper-proc-'))
  const add = async (pid: number, ppid: number, kilobytes: number) => {
    await mkdir(join(proc, String(pid)))
    await writeFile(join(proc, String(pid), 'status'), `Name:\tnode\nPPid:\t${ppid}\n`)
    await writeFile(join(proc, String(pid), 'smaps_rollup'), `Rss:  ${kilobytes * 2} kB\nPss:  ${kilobytes} kB\nPss_Anon: 1 kB\n`)
    await writeFile(join(proc, String(pid), 'stat'), `${pid} (a (b) c) S ${ppid} 0 0 0 0 0 0 0 0 0 ${kilobytes / 100} 1 2 3 20 0 1`)
  }
  await Promise.all([add(10, 1, 1_000), add(11, 10, 2_000), add(5, 11, 4_000), add(20, 1, 8_000)])
  expect(await treeMemory(10, proc)).toEqual({ processes: 3, pss_mb: 7.168, rss_mb: 14.336 })
  const cpu = await treeCpu(10, proc)
  expect(cpu).toEqual({ 'a (b) c': 10 * (10 + 20 + 40 + 3), ended: 10 * 15 })
  expect(cpuPerTask({ ended: 50 }, cpu, 10)).toEqual({ 'a (b) c': 73, ended: 10 })
  await rm(proc, { recursive: true })
})
