/**
 * Many schedules over many years: the flows of the plane over a store in memory, an alarm clock that keeps what it is told and rings as badly as it may, outages, and
 * edits at the worst moments.
 */
import { parseExpression, type Expression } from '../../../local/scheduler/expression.ts'
import { ApiKeyId, ScheduleId } from '../../../shared/domain/ids.ts'
import { overlaps } from '../../../shared/domain/schedule.ts'
import { cancelTask } from '../../../shared/flows/cancel.ts'
import type { LookDeps } from '../../../shared/flows/flow.ts'
import { fireSchedule } from '../../../shared/flows/schedule-fire.ts'
import { lookAtSchedule } from '../../../shared/flows/schedule-look.ts'
import { createSchedule, deleteSchedule, updateSchedule } from '../../../shared/flows/schedules.ts'
import type { AlarmEntries } from '../../../shared/ports/ports.ts'
import { zones_with_rules } from '../../support/cron-expressions.ts'
import { testPlane, type TestPlane } from '../../support/plane.ts'
import { seeded, type Seeded } from '../../support/seeded.ts'
import { ledgerOver, type Ledger } from './ledger.ts'
import { leanStore } from './lean-store.ts'
import { cronOf, outagesOf, ringsOf, type Outage } from './plan.ts'
import { timeline, type Timeline } from './timeline.ts'

const second_ms = 1_000
const minute_ms = 60 * second_ms
const hour_ms = 60 * minute_ms
const day_ms = 24 * hour_ms
const skew_max_ms = 1_500

export interface Years {
  readonly seed: number
  readonly schedules: number
  readonly from_ms: number
  readonly to_ms: number
}

interface SetEntry {
  readonly expression: Expression
  readonly text: string
  readonly name: string
}
interface World {
  readonly plane: TestPlane
  readonly agent_id: Parameters<TestPlane['accept']>[0]['agent_id']
  readonly random: Seeded
  readonly ledger: Ledger
  readonly events: Timeline
  readonly outages: readonly Outage[]
  /** The entries of the alarm clock, by name. */
  readonly entries: Map<string, SetEntry>
  /** When the sweep will look at each schedule. */
  readonly sweeps: Map<string, number>
  readonly edits: { count: number }
}

const now = ({ plane }: World): number => plane.deps.clock.now()
const outageAt = ({ outages }: World, at_ms: number): Outage | undefined => outages.find(({ from_ms, to_ms }) => at_ms >= from_ms && at_ms < to_ms)

/** Each function has a clock of its own. */
const skewed = ({ plane: { deps }, random }: World): LookDeps => {
  const skew_ms = random.int(2 * skew_max_ms) - skew_max_ms
  return { ...deps, clock: { now: () => deps.clock.now() + skew_ms } }
}
const named = ({ plane: { workspace_id } }: World, schedule_id: ScheduleId) => ({ workspace_id, schedule_id })

/** The doorbells that flows have rung, and the sweep for whatever is due. */
const goOn = (world: World, schedule_id: ScheduleId): void => {
  const { plane, random, events, ledger, sweeps } = world
  for (const signal of plane.signals.splice(0)) {
    if (signal.kind !== 'schedule' || random.chance(0.15)) continue
    events.plan(now(world) + random.int(3 * second_ms), async () => look(world, signal.schedule_id))
  }
  const due_ms = ledger.due.get(schedule_id)
  if (due_ms === undefined) return
  const at_ms = Math.max(Math.ceil(due_ms / minute_ms) * minute_ms, now(world))
  if ((sweeps.get(schedule_id) ?? Infinity) <= at_ms) return
  sweeps.set(schedule_id, at_ms)
  events.plan(at_ms, async () => sweep(world, schedule_id, at_ms))
}

const sweep = async (world: World, schedule_id: ScheduleId, at_ms: number): Promise<void> => {
  if (world.sweeps.get(schedule_id) !== at_ms) return
  world.sweeps.delete(schedule_id)
  const outage = outageAt(world, now(world))
  const due_ms = world.ledger.due.get(schedule_id)
  if (outage === undefined && due_ms !== undefined && due_ms <= now(world)) return look(world, schedule_id)
  if (outage === undefined) return goOn(world, schedule_id)
  world.sweeps.set(schedule_id, outage.to_ms)
  world.events.plan(outage.to_ms, async () => sweep(world, schedule_id, outage.to_ms))
}

const look = async (world: World, schedule_id: ScheduleId): Promise<void> => {
  if (outageAt(world, now(world)) !== undefined) return
  await lookAtSchedule(skewed(world), named(world, schedule_id))
  goOn(world, schedule_id)
}

const changeOf = ({ random }: World): Parameters<typeof updateSchedule>[2] =>
  random.pick([
    { cron_expr: cronOf(random, 1) },
    { timezone: random.pick(zones_with_rules) },
    { active: false },
    { active: false },
    { active: false },
    { active: true },
    { active: true, timezone: random.pick(zones_with_rules) },
    { overlap: random.pick(overlaps) },
    { catchup_window_ms: random.pick([0, 10 * minute_ms, 4 * hour_ms, day_ms]) },
    { prompt: 'other' },
  ])

const resumed_after_ms = 20 * day_ms

/** Somebody changes a schedule. One that is paused is resumed at once or some day, and one that is deleted makes room for another. */
const edit = async (world: World, schedule_id: ScheduleId): Promise<void> => {
  const { random, events } = world
  world.edits.count += 1
  if (random.chance(0.03)) {
    await deleteSchedule(skewed(world), named(world, schedule_id))
    await make(world, world.edits.count)
  } else {
    const change = changeOf(world)
    const changed = await updateSchedule(skewed(world), named(world, schedule_id), change)
    if (!changed.ok && changed.code !== 'not_found') throw new Error(`${schedule_id} could not be changed: ${changed.detail}`)
    const back = async () => void (await updateSchedule(skewed(world), named(world, schedule_id), { active: true }))
    if (change.active === false && random.chance(0.5)) await back()
    else if (change.active === false) events.plan(now(world) + random.int(resumed_after_ms), async () => back().then(() => goOn(world, schedule_id)))
  }
  goOn(world, schedule_id)
}

/** An alarm is heard: alone, with another look at the same time, or while somebody edits. */
const hear = async (world: World, schedule_id: ScheduleId, scheduled_at_ms: number): Promise<void> => {
  if (outageAt(world, now(world)) !== undefined) return
  const { random, plane } = world
  const others = [
    ...(random.chance(0.01) ? [edit(world, schedule_id)] : []),
    ...(random.chance(0.05) ? [lookAtSchedule(skewed(world), named(world, schedule_id))] : []),
  ]
  const [fired] = await Promise.all([fireSchedule(skewed(world), { ...named(world, schedule_id), scheduled_at_ms }), ...others])
  for (const task_id of fired.fired) if (random.chance(0.5)) await cancelTask(plane.deps, { workspace_id: plane.workspace_id, task_id })
  // A tick that was rung early has its row before its time, and somebody sets the times anew meanwhile.
  if (now(world) < scheduled_at_ms && random.chance(0.1)) await edit(world, schedule_id)
  goOn(world, schedule_id)
}

const planned_ahead_ms = 2 * hour_ms

/** Plans the rings of an entry's next time a little before it, and then those of the one after. */
const ringFrom = (world: World, schedule_id: ScheduleId, entry: SetEntry, ref_ms: number): void => {
  const { events, entries, random } = world
  const at_ms = entry.expression.next(ref_ms)
  if (at_ms === undefined) return
  events.plan(Math.max(now(world), at_ms - planned_ahead_ms), async () => {
    if (entries.get(entry.name) !== entry) return
    for (const late_ms of ringsOf(random)) {
      const in_time = async () => (late_ms > 0 || entries.get(entry.name) === entry ? hear(world, schedule_id, at_ms) : undefined)
      events.plan(Math.max(now(world), at_ms + late_ms), in_time)
    }
    if (!entry.expression.once) ringFrom(world, schedule_id, entry, at_ms)
    else events.plan(at_ms, async () => void (entries.get(entry.name) === entry && entries.delete(entry.name)))
  })
}

const setAlarms = (world: World, schedule_id: ScheduleId, { entries, gone }: AlarmEntries): void => {
  for (const { name, expression, timezone } of entries) {
    const text = `${expression} ${timezone}`
    if (world.entries.get(name)?.text === text) continue
    const entry: SetEntry = { name, text, expression: parseExpression(expression, timezone, now(world)) }
    world.entries.set(name, entry)
    ringFrom(world, schedule_id, entry, now(world))
  }
  for (const name of gone) world.entries.delete(name)
}

const make = async (world: World, position: number): Promise<void> => {
  const { plane, random } = world
  const made = await createSchedule(skewed(world), plane.workspace_id, {
    agent_id: world.agent_id,
    cron_expr: cronOf(random, position),
    timezone: random.pick(zones_with_rules),
    prompt: 'look',
    skill_paths: [],
    overlap: random.pick(overlaps),
    catchup_window_ms: random.pick([0, 10 * minute_ms, 10 * minute_ms, day_ms]),
    active: true,
    created_by: ApiKeyId.parse(`key_${'0'.repeat(26)}`),
  })
  if (!made.ok) throw new Error(made.detail)
  goOn(world, made.value.id)
}

const newWorld = async ({ seed, from_ms, to_ms }: Years): Promise<World> => {
  const random = seeded(seed)
  const ledger = ledgerOver(leanStore(), random)
  const plane = testPlane({ store: ledger.store })
  plane.advance(from_ms - plane.deps.clock.now())
  const agent = await plane.makeAgent()
  const alarm_clock: LookDeps['alarm_clock'] = {
    set: async ({ schedule_id }, wanted) => {
      if (random.chance(0.05)) throw new Error('the alarm clock does not answer')
      setAlarms(world, ScheduleId.parse(schedule_id), wanted)
    },
  }
  const world: World = {
    plane: { ...plane, deps: { ...plane.deps, alarm_clock } },
    agent_id: agent.id,
    random,
    ledger,
    events: timeline(),
    outages: outagesOf(random, from_ms, to_ms),
    entries: new Map(),
    sweeps: new Map(),
    edits: { count: 0 },
  }
  return world
}

/** Runs the years. @returns what was committed; deterministic in the seed */
export const runYears = async (years: Years): Promise<{ readonly ledger: Ledger; readonly edits: number; readonly outages: number }> => {
  const world = await newWorld(years)
  for (let position = 0; position < years.schedules; position += 1) await make(world, position)
  for (let event = world.events.next(); event !== undefined && event.at_ms < years.to_ms; event = world.events.next()) {
    world.plane.advance(Math.max(0, event.at_ms - now(world)))
    await event.run()
  }
  return { ledger: world.ledger, edits: world.edits.count, outages: world.outages.length }
}
