import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { perTask, readMeter, usedBetween, useIn, type Uses } from './meter.ts'
import { pricePerMillion } from './price.ts'
import { reportOf } from './report.ts'

const capacity = (calls: number, read_units: number, write_units: number, instance = 'a') =>
  `${JSON.stringify({ meter: 'capacity', instance, calls, read_units, write_units })}\n`
const invocations = (n: number, records: number, busy_ms: number) =>
  `${JSON.stringify({ meter: 'invocations', instance: 'b', invocations: n, records, busy_ms, memory_mib: 512 })}\n`

test('the newest totals of a log count, whatever else is in it', () => {
  const log = `${capacity(1, 1, 1)}{"level":"INFO"}\n${invocations(2, 3, 40)}not json "meter"\n${capacity(9, 2.5, 30)}{"meter":"odd"}\n`
  expect(useIn(log)).toEqual({ calls: 9, read_units: 2.5, write_units: 30, invocations: 2, records: 3, busy_ms: 40, memory_mib: 512 })
})

test('a function that was started anew counts on', () => {
  expect(useIn(capacity(5, 1, 10, 'first') + capacity(9, 2, 20, 'first') + capacity(1, 1, 1, 'second'))).toMatchObject({
    calls: 10,
    read_units: 3,
    write_units: 21,
  })
})

test('logs are told apart by their names, and a log that has just begun anew by the file before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lanekeeper-meter-'))
  await writeFile(join(folder, 'Local-AttemptEventsFunction1F.log'), capacity(1, 0, 10))
  await writeFile(join(folder, 'lanekeeper-runner-api.log.1'), capacity(2, 0, 20))
  await writeFile(join(folder, 'lanekeeper-runner-api.log'), '')
  await writeFile(join(folder, 'lanekeeper-api.log'), capacity(3, 0, 30))
  await writeFile(join(folder, 'runner.log'), capacity(4, 0, 40))
  const uses = await readMeter(folder)
  expect(Object.fromEntries(Object.entries(uses).map(([name, use]) => [name, use.write_units]))).toEqual({ 'attempt-events': 10, 'runner-api': 20, api: 30 })
  await rm(folder, { recursive: true })
})

const uses = (factor: number): Uses => ({
  api: useIn(capacity(2 * factor, factor, 10 * factor) + invocations(factor, 0, 100 * factor)),
  dispatch: useIn(capacity(4 * factor, 2 * factor, 20 * factor) + invocations(factor, 2 * factor, 60 * factor)),
})

test('what was used per task is the difference by the number of tasks', () => {
  expect(perTask(usedBetween(uses(1), uses(101)), 100)).toEqual(uses(1))
  expect(usedBetween({}, uses(3))).toEqual(uses(3))
})

test('the price of a million tasks', () => {
  const price = pricePerMillion(uses(1))
  expect(price.dynamodb_usd).toBeCloseTo(30 * 0.625 + 3 * 0.125)
  expect(price.http_usd).toBeCloseTo(1)
  expect(price.sqs_usd).toBeCloseTo((2 + 2) * 0.5)
  expect(price.lambda_usd).toBeCloseTo(2 * 0.2 + 0.16 * 0.5 * 13.33)
  expect(price.total_usd).toBeCloseTo(price.dynamodb_usd + price.http_usd + price.sqs_usd + price.lambda_usd)
})

test('the report names machine and date, and holds a table for each question', () => {
  const figures = { p50: 12.4, p99: 30 }
  const report = reportOf({
    measured_at: '2026-11-22T09:00:00.000Z',
    machine: { cpu: 'Some CPU', cores: 2, memory_gb: 8.2, platform: 'linux x64', node: '24.0.0' },
    ready_ms: 2_340,
    idle_memory: { processes: 4, pss_mb: 301.4, rss_mb: 420 },
    in_flight: [
      {
        in_flight: 1,
        tasks: 1_000,
        retried: 0,
        failed: 0,
        accept_ms: figures,
        admitted_ms: figures,
        launched_ms: figures,
        life_ms: figures,
        tasks_per_s: 61.25,
        cpu_ms: { lanekeeper: 12.2, ended: 20 },
        per_task: uses(1),
      },
    ],
    line: [{ in_line: 10_000, write_units: 41, read_units: 9, table_requests: 20 }],
    price: pricePerMillion(uses(1)),
  })
  expect(report).toContain('Measured 2026-11-22 with `npm run bench:start` on 2 cores of Some CPU, 8 GB')
  expect(report).toContain('| accept, p50 / p99 | 12 / 30 ms |')
  expect(report).toContain('| processor time per task | 32 ms |')
  expect(report).toContain('Processor time per task with 1 in flight: ended 20.0 ms, lanekeeper 12.2 ms.')
  expect(report).toContain('| write units per task | 30.0 |')
  expect(report).toContain('| dispatch | 1.0 | 2.0 | 4.0 | 20.0 | 2.0 |')
  expect(report).toContain('| per task, with so many others in line | 10,000 |')
  expect(report).toContain('The idle stack holds 301 MB (PSS of 4 processes; RSS 420 MB). It was ready 2.3 s after its start.')
})
