/** Rings of the alarm clock, given to the function that they are for. */
import * as z from 'zod'
import { alarmsGoOn, waiting, type Ring } from './alarms.ts'
import { invoke } from './handlers.ts'
import type { World } from './world.ts'

const tries_max = 5
const Fired = z.object({ ended: z.int(), fired: z.int() })

const toFunction = (world: World, ring: Ring): void => {
  const { workspace_id, schedule_id } = ring
  const scheduled_at = new Date(ring.scheduled_at_ms).toISOString().replace('.000Z', 'Z')
  ring.tries += 1
  invoke(world, `alarm of ${schedule_id} for ${scheduled_at}`, async ({ cron_fire }) => {
    try {
      Fired.parse(await cron_fire({ workspace_id, schedule_id, scheduled_at }))
    } catch (cause) {
      if (ring.tries < tries_max) world.alarms.rings.push({ ...ring, at_ms: world.now_ms + 10_000 * ring.tries })
      throw cause
    }
  })
}

/** Gives one ring to its function. @returns false where none is due */
export const deliverRing = (world: World): boolean => {
  alarmsGoOn(world)
  const ready = world.alarms.rings.filter(({ at_ms }) => at_ms <= world.now_ms)
  if (ready.length === 0) return false
  const ring = world.random.pick(ready)
  world.alarms.rings.splice(world.alarms.rings.indexOf(ring), 1)
  toFunction(world, ring)
  return true
}

/** An alarm rings before its time. */
export const ringEarly = (world: World): void => {
  const entries = waiting(world)
  if (entries.length === 0 || !world.faults.strikes('alarm_early', 1)) return
  const { workspace_id, schedule_id, next_ms } = world.random.pick(entries)
  toFunction(world, { workspace_id, schedule_id, scheduled_at_ms: next_ms, at_ms: world.now_ms, tries: 0 })
}
