import type { Clock } from './ports.ts'

/** The machine's clock. */
export const system_clock: Clock = { now: () => Date.now() }
