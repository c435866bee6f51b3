/** The alarm clock of a schedule: which entries it should have, and when somebody looks whether it has them. */
import { decided, type Decision } from '../decision.ts'
import { millis, timestamp, type Timestamp } from '../time.ts'
import type { Alarm, Schedule } from '../schedule.ts'
import type { TickSource } from '../schedule-ticks.ts'
import type { AlarmEntries, AlarmEntry, Signal } from '../../ports/ports.ts'

/** So long after a tick the sweep fires what the alarm clock did not; with a sweep a minute that is within two minutes. */
export const alarm_grace_ms = 30_000
/** Entries that could not be set are set again after this long. */
export const alarm_repair_ms = 60_000
/** An alarm clock that let a tick pass is set anew, but not more often than this: its owner may be down, and not the entries wrong. */
export const alarm_doubt_ms = 3_600_000

/** What the entries should be has changed. */
export const changedAlarm = (alarm: Alarm): Alarm => ({ ...alarm, revision: alarm.revision + 1 })
/** As `changedAlarm`, where the schedule will not come to the tick that it waited for. The oldest of many ring once for nothing. */
export const withoutTick = (alarm: Alarm, tick_at: Timestamp): Alarm => ({
  ...changedAlarm(alarm),
  obsolete: [...new Set([...alarm.obsolete, tick_at])].slice(-obsolete_max),
})
export const alarmIsSet = (alarm: Alarm): boolean => alarm.set === alarm.revision

/** When the sweep looks at an active schedule: at its next tick should the alarm clock let that pass, earlier where the alarm clock is to be set. */
export const activeDue = (next_run_ms: number, alarm: Alarm, now_ms: number): Timestamp =>
  timestamp(Math.min(next_run_ms + alarm_grace_ms, alarmIsSet(alarm) ? Infinity : now_ms + alarm_repair_ms))

export const scheduleSignal = (schedule: Pick<Schedule, 'workspace_id' | 'id'>): Signal => ({
  kind: 'schedule',
  workspace_id: schedule.workspace_id,
  schedule_id: schedule.id,
})

const second_ms = 1_000
/** The tick as unix seconds, which is how it is named in keys. */
export const tickSeconds = (tick_ms: number): number => Math.floor(tick_ms / second_ms)

/** Of entries that ring at all ticks: dom-or-dow takes two. */
const natives_max = 2
const obsolete_max = 20
const nativeName = ({ id }: Schedule, position: number): string => `${id}-${position + 1}`
const onceName = ({ id }: Schedule, tick_ms: number): string => `${id}-at-${tickSeconds(tick_ms)}`

/**
 * The entries that the alarm clock should have. Their names are made of the schedule's id, so setting them twice makes nothing twice. A
 * cron that the alarm clock cannot express has one entry at a time, which rings once.
 */
const wantedEntries = (schedule: Schedule, ticks: TickSource, now_ms: number): readonly AlarmEntry[] => {
  if (schedule.status !== 'active') return []
  if (ticks.native !== undefined)
    return ticks.native.map((expression, position) => ({ name: nativeName(schedule, position), expression, timezone: schedule.timezone, once: false }))
  const next_ms = millis(schedule.next_run_at)
  // What is due already is fired by whoever looks, and an alarm in the past would ring for nothing.
  if (next_ms <= now_ms) return []
  const at = schedule.next_run_at.slice(0, 'yyyy-mm-ddThh:mm:ss'.length)
  return [{ name: onceName(schedule, next_ms), expression: `at(${at})`, timezone: 'UTC', once: true }]
}

/** The entries that the alarm clock should have, and the names of those that it may have had. One that rings once goes by itself. */
export const alarmEntries = (schedule: Schedule, ticks: TickSource, now_ms: number): AlarmEntries => {
  const entries = wantedEntries(schedule, ticks, now_ms)
  const wanted = new Set(entries.map(({ name }) => name))
  const natives = Array.from({ length: natives_max }, (_, position) => nativeName(schedule, position))
  const once = schedule.alarm.obsolete.map((tick_at) => onceName(schedule, millis(tick_at)))
  return { entries, gone: [...natives, ...once].filter((name) => !wanted.has(name)) }
}

/**
 * The entries of a revision were set. If the schedule has changed meanwhile, whoever set the newer ones may have been faster, and
 * what was set now lies over it: then the entries have to be set once more.
 */
export const decideAlarmSet = (schedule: Schedule, revision: number, now_ms: number): Decision<{ readonly again: boolean }> => {
  if (schedule.alarm.revision !== revision) {
    const { set: _, ...unset } = schedule.alarm
    const stale: Schedule = { ...schedule, alarm: unset, due_at: timestamp(now_ms + alarm_repair_ms) }
    return decided([{ op: 'replace_if_version', record: stale }], [], { again: true })
  }
  const alarm: Alarm = { revision, set: revision, set_at: timestamp(now_ms), obsolete: [] }
  if (schedule.status === 'active') {
    const due_at = activeDue(millis(schedule.next_run_at), alarm, now_ms)
    return decided([{ op: 'replace_if_version', record: { ...schedule, alarm, due_at } }], [], { again: false })
  }
  const { due_at: _, ...rest } = schedule
  return decided([{ op: 'replace_if_version', record: { ...rest, alarm } }], [], { again: false })
}

/**
 * The alarm clock rang at what is no tick. Whoever was late in setting its entries and died before it could learn that they had become wrong has left
 * one that nobody wants, and it would ring for ever: the entries are set anew. An active schedule's are so once an hour at most, since a ring
 * may be late and belong to the times that it had before.
 */
export const decideStrayRing = (schedule: Schedule, ticks: TickSource, scheduled_at_ms: number, now_ms: number): Decision => {
  const is_tick = schedule.status === 'active' && ticks.after(scheduled_at_ms - 1) === scheduled_at_ms
  const set_ms = millis(schedule.alarm.set_at ?? schedule.created_at)
  if (is_tick || !alarmIsSet(schedule.alarm) || (schedule.status === 'active' && now_ms - set_ms < alarm_doubt_ms)) return decided([], [], undefined)
  const doubted: Schedule = { ...schedule, alarm: changedAlarm(schedule.alarm), due_at: timestamp(now_ms) }
  return decided([{ op: 'replace_if_version', record: doubted }], [scheduleSignal(schedule)], undefined)
}

/**
 * A due time that has passed is moved on: to the next tick, or to when entries that could not be set are set again. So nobody looks
 * for nothing every minute.
 */
export const decideRested = (schedule: Schedule, now_ms: number): Decision => {
  if (schedule.due_at === undefined || millis(schedule.due_at) > now_ms) return decided([], [], undefined)
  if (schedule.status === 'active') {
    const next_ms = millis(schedule.next_run_at)
    if (next_ms <= now_ms) return decided([], [], undefined)
    return decided([{ op: 'replace_if_version', record: { ...schedule, due_at: activeDue(next_ms, schedule.alarm, now_ms) } }], [], undefined)
  }
  if (!alarmIsSet(schedule.alarm))
    return decided([{ op: 'replace_if_version', record: { ...schedule, due_at: timestamp(now_ms + alarm_repair_ms) } }], [], undefined)
  const { due_at: _, ...rest } = schedule
  return decided([{ op: 'replace_if_version', record: rest }], [], undefined)
}
