import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { metered } from './meter.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('invocations and their messages are added up, failed ones too, and written once for a burst', async () => {
  const lines: string[] = []
  const settings = { name: 'f', arn: 'arn', module_path: 'index.mjs', handler: 'handler', timeout_ms: 1_000, memory_mib: 512, environment: {} }
  const invoke = async (event: unknown) => {
    if (event === 'bad') throw new Error('failed')
    return event
  }
  const counted = metered({ settings, invoke, warm: () => undefined, stop: async () => undefined }, { write: (text) => void lines.push(String(text)) })
  await counted.invoke({ Records: [{}, {}] })
  await expect(counted.invoke('bad')).rejects.toThrow('failed')
  expect(lines).toEqual([])
  vi.advanceTimersByTime(1_000)
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
    expect.objectContaining({ meter: 'invocations', instance: expect.any(String), invocations: 2, records: 2, memory_mib: 512 }),
  ])
})
