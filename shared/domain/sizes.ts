/**
 * The sizes in which sandboxes are sold. A policy says `cpu` in millicores, 1000 to one vCPU; ECS counts 1024 units to one
 * vCPU, so that 250 millicores are 256 units and 16000 are 16384. The list is Fargate's for Linux, x86 and ARM alike (AWS
 * documentation, "Task CPU and memory", 2026).
 */
import type { Resources } from './policy.ts'
import { ok, refuse, type FieldError, type Refusal, type Result } from './result.ts'

/** `cpu` in millicores, `memory` in MiB, ascending. */
export interface SandboxSize {
  readonly cpu: number
  readonly memory: readonly number[]
}

export interface SoldSize {
  readonly cpu_units: number
  readonly memory_mib: number
  /** Ephemeral storage to order, in GiB; absent where the 20 GiB that every task has are enough. */
  readonly disk_gib?: number
}

const gibSteps = (first: number, last: number, step: number): readonly number[] =>
  Array.from({ length: (last - first) / step + 1 }, (_, index) => (first + index * step) * 1024)

export const fargate_sizes: readonly SandboxSize[] = [
  { cpu: 250, memory: [512, 1024, 2048] },
  { cpu: 500, memory: gibSteps(1, 4, 1) },
  { cpu: 1_000, memory: gibSteps(2, 8, 1) },
  { cpu: 2_000, memory: gibSteps(4, 16, 1) },
  { cpu: 4_000, memory: gibSteps(8, 30, 1) },
  { cpu: 8_000, memory: gibSteps(16, 60, 4) },
  { cpu: 16_000, memory: gibSteps(32, 120, 8) },
]

/** What a policy without `cpu` or `memory` gets at least: 1 vCPU, 2 GiB. */
export const default_size = { cpu: 1_000, memory: 2_048 } as const

/** Every task has this much ephemeral storage, in GiB; up to the maximum can be ordered. */
export const disk_included_gib = 20
export const disk_gib_max = 200

/** ECS units of a number of millicores. */
export const cpuUnits = (millicores: number): number => Math.round((millicores * 1024) / 1000)

const sizeText = ({ cpu, memory }: SandboxSize): string => `cpu ${cpu} with memory ${memory.join(', ')}`

const unavailable = (field: keyof Resources, value: number, message: string, allowed: readonly string[]): Refusal => {
  const error: FieldError = { field: `policy.resources.${field}`, message, value, allowed }
  return refuse('size_unavailable', `policy.resources.${field} ${value}: ${message}. There is: ${allowed.join('; ')}`, [error])
}

/** The smallest size with at least so much of both: of those with the fewest cpu the one with the least memory. */
const smallest = (cpu: number, memory: number, sizes: readonly SandboxSize[]) =>
  sizes.flatMap((size) => (size.cpu < cpu ? [] : size.memory.filter((mib) => mib >= memory).map((mib) => ({ cpu: size.cpu, memory: mib })))).at(0)

/**
 * The nearest size sold that is not smaller than what is wanted. What is absent takes the default, except that a default
 * alone is no reason to refuse: where it is more than is sold, the largest fits.
 * @param sizes in ascending order; an empty list stands for Fargate's
 */
export const roundUpSize = ({ cpu, memory, gpu = 0, disk = disk_included_gib }: Resources, sizes: readonly SandboxSize[]): Result<SoldSize> => {
  const sold = sizes.length === 0 ? fargate_sizes : sizes
  const allowed = sold.map(sizeText)
  if (gpu > 0) return unavailable('gpu', gpu, 'no sandbox has a GPU', ['0'])
  if (disk > disk_gib_max) return unavailable('disk', disk, 'no sandbox has that much disk', [`up to ${disk_gib_max}`])
  const size = smallest(cpu ?? default_size.cpu, memory ?? default_size.memory, sold) ?? smallest(cpu ?? 0, memory ?? 0, sold)
  if (size === undefined) {
    const only_cpu = cpu !== undefined && smallest(cpu, 0, sold) === undefined
    return only_cpu || memory === undefined
      ? unavailable('cpu', cpu ?? 0, 'no sandbox has that much cpu', allowed)
      : unavailable('memory', memory, 'no sandbox has that much memory with this cpu', allowed)
  }
  return ok({ cpu_units: cpuUnits(size.cpu), memory_mib: size.memory, ...(disk > disk_included_gib ? { disk_gib: disk } : {}) })
}
