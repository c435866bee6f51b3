/**
 * The end of schedules: each ticks on for a while, also where no alarm is heard; then all are paused or deleted, and what is left in the alarm clock must
 * go once it has rung.
 */
import { millis } from '../../shared/domain/time.ts'
import { alarmsGoOn, nextAlarm } from './alarms.ts'
import { ask } from './clients.ts'
import { deliverRing } from './rings.ts'
import { openAll, Violation } from './steps.ts'
import type { World } from './world.ts'

/** What goes on in an orderly minute, and whether doorbells and alarms are heard. */
export interface Rest {
  readonly deaf: boolean
  readonly minute: () => Promise<void>
}

const active = (world: World) => world.journal.all('schedule').filter((schedule) => schedule.status === 'active')

const hearAlarms = async (world: World, { deaf }: Rest): Promise<void> => {
  alarmsGoOn(world)
  if (deaf) world.alarms.rings.splice(0)
  while (deliverRing(world)) await openAll(world)
}

const ticks_heard = 2
/** Whatever was left of an outage ends within these. */
const minutes_max = 10
/** The sweep looks thirty seconds after a tick, and comes by once a minute. */
const late_max_ms = 120_000

const isLate = (world: World): boolean => active(world).some(({ next_run_at }) => millis(next_run_at) < world.now_ms - late_max_ms)

const tickOn = async (world: World, rest: Rest): Promise<void> => {
  for (let ticks = 0; ticks < ticks_heard; ticks += 1) {
    for (let minutes = 0; minutes < minutes_max && (minutes === 0 || isLate(world)); minutes += 1) await rest.minute()
    const late = active(world).find(({ next_run_at }) => millis(next_run_at) < world.now_ms - late_max_ms)
    if (late !== undefined) throw new Violation(`invariant 9: ${late.id} has not moved on from ${late.next_run_at}`)
    const next = active(world).map(({ next_run_at }) => millis(next_run_at))
    if (next.length === 0) return
    world.now_ms = Math.max(world.now_ms, Math.min(...next))
    await hearAlarms(world, rest)
  }
  await rest.minute()
}

const retire = async (world: World): Promise<void> => {
  for (const [position, schedule] of world.journal.all('schedule').entries()) {
    if (schedule.status === 'deleted') continue
    const key = world.tenants.find(({ workspace_id }) => workspace_id === schedule.workspace_id)?.keys.admin ?? ''
    const path = `/v1/schedules/${schedule.id}`
    // Also where the agent is gone.
    ask(world, key, position % 2 === 0 ? ['DELETE', path] : ['PATCH', path, { active: false }], [], () => undefined)
    await openAll(world)
  }
}

export const endSchedules = async (world: World, rest: Rest): Promise<void> => {
  await tickOn(world, rest)
  await retire(world)
}

const alarms_max = 20

/** Whoever was late with setting an entry and died has left one that nobody wants. It rings once. */
export const quietAlarms = async (world: World, rest: Rest): Promise<void> => {
  for (let alarms = 0; alarms < alarms_max; alarms += 1) {
    const next_ms = nextAlarm(world)
    if (next_ms === undefined) return
    world.now_ms = Math.max(world.now_ms, next_ms)
    await hearAlarms(world, { ...rest, deaf: false })
    await rest.minute()
  }
  const [name] = world.alarms.entries.keys()
  throw new Violation(`invariant 9: the alarm ${name} rings on, and nobody wants it`)
}
