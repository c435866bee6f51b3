import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { invocationMeter } from './meter.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('invocations, their messages and their time are added up', () => {
  const lines: string[] = []
  const meter = invocationMeter(512, (line) => void lines.push(line))
  meter.ended({ Records: [{}, {}] }, 20)
  meter.ended({ rawPath: '/v1/health' }, 5)
  expect(lines).toEqual([])
  vi.advanceTimersByTime(1_000)
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual([{ meter: 'invocations', invocations: 2, records: 2, busy_ms: 25, memory_mib: 512 }])
})
