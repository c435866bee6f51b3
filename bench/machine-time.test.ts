import { expect, test } from 'vitest'
import { busyIn } from './machine-time.ts'

test('busy is what processors did: not idle, not waiting for a disk, not taken by another machine, and guests once', () => {
  const fields = { user: 1, nice: 2, system: 4, idle: 1_000, iowait: 2_000, irq: 8, softirq: 16, steal: 4_000, guest: 1, guest_nice: 2 }
  expect(busyIn(`cpu  ${Object.values(fields).join(' ')}\ncpu0 9 9 9 9 9 9 9 9 9 9\n`)).toBe(310)
})
