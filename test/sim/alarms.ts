/**
 * The alarm clock: entries as EventBridge Scheduler keeps them, and what rings at their times. It reads expressions as the user guide documents them: a wall time that
 * a change of the clocks skips does not ring, one that comes twice rings once. Rings come late, twice, early or not at all.
 */
import { parseExpression, type Expression } from '../../local/scheduler/expression.ts'
import type { AlarmEntry } from '../../shared/ports/ports.ts'
import type { World } from './world.ts'

export interface Owner {
  readonly workspace_id: string
  readonly schedule_id: string
}
interface SetEntry extends Owner, AlarmEntry {
  readonly read: Expression
  /** Undefined where it was set for a time that had passed: it lies there and never rings. */
  next_ms: number | undefined
}
export interface Ring extends Owner {
  readonly scheduled_at_ms: number
  /** Not before. */
  at_ms: number
  tries: number
}
export interface Alarms {
  readonly entries: Map<string, SetEntry>
  readonly rings: Ring[]
}

export const noAlarms = (): Alarms => ({ entries: new Map(), rings: [] })

/** Makes or changes an entry. */
export const setEntry = (world: World, owner: Owner, entry: AlarmEntry): void => {
  const read = parseExpression(entry.expression, entry.timezone, world.now_ms)
  world.alarms.entries.set(entry.name, { ...owner, ...entry, read, next_ms: read.next(world.now_ms) })
}

/** What fell longer ago was given up, as the retry policy says. */
const kept_ms = 15 * 60_000

const ringOnce = (world: World, { workspace_id, schedule_id }: Owner, scheduled_at_ms: number, late_ms: number): void =>
  void world.alarms.rings.push({ workspace_id, schedule_id, scheduled_at_ms, at_ms: scheduled_at_ms + late_ms, tries: 0 })

const ringAt = (world: World, entry: SetEntry, scheduled_at_ms: number): void => {
  const { faults, random } = world
  if (faults.strikes('alarm_dropped', 0.15)) return
  // Targets are invoked with a precision of a minute.
  const late_ms = faults.strikes('alarm_late', 0.2) ? 60_000 + random.int(600_000) : random.int(60_000)
  ringOnce(world, entry, scheduled_at_ms, faults.on ? late_ms : 0)
  if (faults.strikes('alarm_doubled', 0.15)) ringOnce(world, entry, scheduled_at_ms, random.int(120_000))
}

/** Time has passed: what should have rung meanwhile rings. */
export const alarmsGoOn = (world: World): void => {
  const { entries, rings } = world.alarms
  for (const [name, entry] of entries) {
    if (entry.next_ms !== undefined && entry.next_ms < world.now_ms - kept_ms && !entry.once) entry.next_ms = entry.read.next(world.now_ms - kept_ms)
    while (entry.next_ms !== undefined && entry.next_ms <= world.now_ms) {
      ringAt(world, entry, entry.next_ms)
      if (entry.once) entries.delete(name)
      entry.next_ms = entry.once ? undefined : entry.read.next(entry.next_ms)
    }
  }
  for (let at = rings.length - 1; at >= 0; at -= 1) if ((rings[at]?.at_ms ?? 0) < world.now_ms - kept_ms) rings.splice(at, 1)
}

/** Entries that will ring. */
export const waiting = (world: World): readonly (SetEntry & { readonly next_ms: number })[] =>
  [...world.alarms.entries.values()].flatMap((entry) => (entry.next_ms === undefined ? [] : [{ ...entry, next_ms: entry.next_ms }]))

/** When the next alarm rings; undefined where none will. */
export const nextAlarm = (world: World): number | undefined => {
  const times = waiting(world).map(({ next_ms }) => next_ms)
  return times.length === 0 ? undefined : Math.min(...times)
}
