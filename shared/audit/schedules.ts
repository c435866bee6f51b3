/** A schedule with its ledger: every tick since its times were set has one row, and `fired` rows and tasks match one to one. */
import { alarm_grace_ms, alarmIsSet } from '../domain/decide/schedule-alarm.ts'
import { tickKey } from '../domain/decide/schedule-ticks.ts'
import { ScheduleId } from '../domain/ids.ts'
import { millis, timestamp, type Timestamp } from '../domain/time.ts'
import type { Watch } from './coverage.ts'
import { found, foundIf, type Finding } from './finding.ts'
import type { Command } from '../domain/command.ts'
import type { Schedule, Tick } from '../domain/schedule.ts'
import type { TickSource } from '../domain/schedule-ticks.ts'

const missing = (schedule: Schedule, rows: ReadonlySet<number>, nominal: readonly number[]): readonly Finding[] => {
  const without = nominal.filter((tick_ms) => !rows.has(tick_ms))
  const [first] = without
  return first === undefined
    ? []
    : [found('tick_without_row', schedule, `${schedule.id} has no row for ${without.length} of its ticks, the first of them ${timestamp(first)}`)]
}

/** Rows that are compared with the ticks in one look. */
export const rows_compared_max = 100

/**
 * An active schedule with the newest rows of its ledger. Ticks from before its times were set belong to what it was, and are not judged.
 * @param rows newest first; all of them, or `rows_compared_max`
 */
export const ledgerFindings = (schedule: Schedule, ticks: TickSource, rows: readonly Tick[]): readonly Finding[] => {
  if (schedule.status !== 'active' || schedule.ticks_since === undefined) return []
  const next_ms = millis(schedule.next_run_at)
  const oldest = rows.length < rows_compared_max ? undefined : rows.at(-1)
  const from_ms = Math.max(millis(schedule.ticks_since), oldest === undefined ? 0 : millis(oldest.tick_at) - 1)
  const nominal = ticks.between(from_ms, next_ms - 1, rows_compared_max * 2)
  const known = new Set(nominal)
  const wrong = rows.filter(({ tick_at }) => millis(tick_at) > from_ms && !known.has(millis(tick_at)))
  return [
    ...missing(schedule, new Set(rows.map(({ tick_at }) => millis(tick_at))), nominal),
    ...wrong.map((row) => found('row_without_tick', row, `${row.tick_at} is no tick of ${schedule.id} before ${schedule.next_run_at}`)),
  ]
}

/** The sweep looks at a schedule that is active, should its alarm not ring, and at one whose entries in the alarm clock are to be taken out. */
export const watchFindings = (schedule: Schedule, { now_ms, watched_within_ms }: Watch): readonly Finding[] => {
  if (schedule.status !== 'active')
    return foundIf(
      !alarmIsSet(schedule.alarm) && schedule.due_at === undefined,
      'schedule_forgotten',
      schedule,
      () => `${schedule.id} is ${schedule.status}, and nothing will take its alarms out`,
    )
  const { next_run_at, due_at } = schedule
  // What is left of an outage is due at once.
  const is_late = millis(due_at) > Math.max(millis(next_run_at) + alarm_grace_ms, now_ms + watched_within_ms)
  return foundIf(is_late, 'schedule_forgotten', schedule, () => `${schedule.id} ticks at ${next_run_at}, and is due at ${due_at}`)
}

/** A row with the command that its task was made of. @param command undefined where the task, or its command, does not exist */
export const rowFindings = (row: Tick, command: Command | undefined): readonly Finding[] => {
  if (row.end.outcome !== 'fired') return []
  const { task_id } = row.end
  const key = tickKey(row.schedule_id, millis(row.tick_at))
  return foundIf(
    command?.task_id !== task_id || command.params.idempotency_key !== key,
    'row_without_task',
    row,
    () => `the tick ${row.tick_at} of ${row.schedule_id} names ${task_id}, which ${command === undefined ? 'does not exist' : 'is not of this tick'}`,
  )
}

export interface TickName {
  readonly schedule_id: ScheduleId
  readonly tick_at: Timestamp
}

/** The tick that a command was made by; undefined where it was made otherwise. */
export const tickOf = ({ params: { idempotency_key, spawned_by } }: Command): TickName | undefined => {
  const [, id, seconds] = /^schedule:(sch_[0-9A-Z]{26}):(\d{1,11})$/.exec(idempotency_key) ?? []
  return id === undefined || spawned_by !== `schedule:${id}` ? undefined : { schedule_id: ScheduleId.parse(id), tick_at: timestamp(Number(seconds) * 1_000) }
}

/** @param row the row of the tick that the command's key names */
export const firedFindings = (command: Command, row: Tick | undefined): readonly Finding[] =>
  foundIf(
    row?.end.outcome !== 'fired' || row.end.task_id !== command.task_id,
    'task_without_row',
    command,
    () => `${command.task_id} was made by a tick, whose row ${row === undefined ? 'does not exist' : `says ${row.end.outcome}`}`,
  )
