import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { capacityMeter } from './capacity.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('calls are added up and written together', () => {
  const lines: string[] = []
  const meter = capacityMeter({ LANEKEEPER_CAPACITY: '1' }, (line) => void lines.push(line))
  meter?.({ operation: 'get', read_units: 0.5, write_units: 0 })
  meter?.({ operation: 'transact_write', read_units: 0, write_units: 12 })
  expect(lines).toEqual([])
  vi.advanceTimersByTime(1_000)
  meter?.({ operation: 'get', read_units: 1, write_units: 0 })
  vi.advanceTimersByTime(1_000)
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
    { meter: 'capacity', instance: expect.any(String), calls: 2, read_units: 0.5, write_units: 12 },
    { meter: 'capacity', instance: expect.any(String), calls: 3, read_units: 1.5, write_units: 12 },
  ])
})

test('nobody who does not ask for it is told', () => {
  expect(capacityMeter({}, () => undefined)).toBeUndefined()
})
