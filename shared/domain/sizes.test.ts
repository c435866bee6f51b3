import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Resources } from './policy.ts'
import { cpuUnits, fargate_sizes, roundUpSize } from './sizes.ts'

test.each<{ readonly wanted: Resources; readonly cpu_units: number; readonly memory_mib: number; readonly disk_gib?: number }>([
  { wanted: {}, cpu_units: 1024, memory_mib: 2048 },
  { wanted: { cpu: 250 }, cpu_units: 256, memory_mib: 2048 },
  { wanted: { cpu: 250, memory: 1 }, cpu_units: 256, memory_mib: 512 },
  { wanted: { cpu: 251, memory: 1 }, cpu_units: 512, memory_mib: 1024 },
  { wanted: { cpu: 250, memory: 2049 }, cpu_units: 512, memory_mib: 3072 },
  { wanted: { cpu: 1024 }, cpu_units: 2048, memory_mib: 4096 },
  { wanted: { memory: 8192 }, cpu_units: 1024, memory_mib: 8192 },
  { wanted: { memory: 8193 }, cpu_units: 2048, memory_mib: 9216 },
  { wanted: { cpu: 8000, memory: 17_000 }, cpu_units: 8192, memory_mib: 20_480 },
  { wanted: { cpu: 16_000, memory: 122_880, gpu: 0 }, cpu_units: 16_384, memory_mib: 122_880 },
  { wanted: { disk: 1 }, cpu_units: 1024, memory_mib: 2048 },
  { wanted: { disk: 20 }, cpu_units: 1024, memory_mib: 2048 },
  { wanted: { disk: 21 }, cpu_units: 1024, memory_mib: 2048, disk_gib: 21 },
  { wanted: { disk: 200 }, cpu_units: 1024, memory_mib: 2048, disk_gib: 200 },
])('$wanted is rounded up', ({ wanted, ...value }) => {
  expect(roundUpSize(wanted, fargate_sizes)).toEqual({ ok: true, value })
})

test.each<{ readonly wanted: Resources; readonly field: string; readonly allowed: string }>([
  { wanted: { gpu: 1 }, field: 'policy.resources.gpu', allowed: '0' },
  { wanted: { disk: 201 }, field: 'policy.resources.disk', allowed: 'up to 200' },
  { wanted: { cpu: 16_001 }, field: 'policy.resources.cpu', allowed: 'cpu 250 with memory 512, 1024, 2048' },
  { wanted: { memory: 122_881 }, field: 'policy.resources.memory', allowed: 'cpu 250 with memory 512, 1024, 2048' },
])('$wanted is refused with what there is', ({ wanted, field, allowed }) => {
  const refusal = roundUpSize(wanted, fargate_sizes)
  expect(refusal).toMatchObject({ ok: false, code: 'size_unavailable', errors: [{ field, value: Object.values(wanted)[0] }] })
  expect(refusal).toHaveProperty('errors.0.allowed.0', allowed)
})

test('a deployment that sells little rounds to what it sells, and its default is never a reason to refuse', () => {
  const sizes = [{ cpu: 500, memory: [1024] }]
  expect(roundUpSize({}, sizes)).toEqual({ ok: true, value: { cpu_units: 512, memory_mib: 1024 } })
  expect(roundUpSize({ cpu: 1000 }, sizes)).toMatchObject({ ok: false, errors: [{ field: 'policy.resources.cpu', allowed: ['cpu 500 with memory 1024'] }] })
  expect(roundUpSize({ cpu: 500, memory: 2048 }, sizes)).toMatchObject({ ok: false, errors: [{ field: 'policy.resources.memory' }] })
})

test('the size is sold, never smaller than wanted, and no cheaper one would do', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 16_000 }), fc.integer({ min: 1, max: 122_880 }), (cpu, memory) => {
      const size = roundUpSize({ cpu, memory }, [])
      if (!size.ok) throw new Error(size.detail)
      const { cpu_units, memory_mib } = size.value
      const fitting = fargate_sizes.flatMap((sold) =>
        sold.memory.filter((mib) => mib >= memory && sold.cpu >= cpu).map((mib) => ({ units: cpuUnits(sold.cpu), mib })),
      )
      expect(fitting).toContainEqual({ units: cpu_units, mib: memory_mib })
      for (const { units, mib } of fitting) expect(units >= cpu_units && (units > cpu_units || mib >= memory_mib)).toBe(true)
    }),
  )
})
