import { ok, type Result } from './result.ts'
import type { Resources } from './policy.ts'
export const roundUpSize = (_r: Resources, _s: readonly { cpu: number; memory: readonly number[] }[]): Result<{ cpu_units: number; memory_mib: number }> => ok({ cpu_units: 256, memory_mib: 512 })
