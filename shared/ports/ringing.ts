import type { Doorbells, Signals } from './ports.ts'

/** Rings doorbells beside what goes through queues. Without doorbells to ring, runners look by themselves. */
export const ringing = (queues: Signals, doorbells: Doorbells | undefined): Signals => ({
  send: async (signals) => {
    const rings = new Set(signals.flatMap((signal) => (signal.kind === 'ring' ? [signal.doorbell] : [])))
    await Promise.all([queues.send(signals), rings.size === 0 ? undefined : doorbells?.ring([...rings])])
  },
})
