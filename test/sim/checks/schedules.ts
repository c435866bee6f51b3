/**
 * What a commit may do to a schedule and its ledger (SPEC §5, invariant 9), held against the words about cron taken literally. A chain of commits of which each gives a row
 * to exactly the ticks that it passes leaves one row for each tick of the time in which the schedule was active.
 */
import { tickOf } from '../../../shared/audit/schedules.ts'
import { millis, timestamp } from '../../../shared/domain/time.ts'
import { OracleCron, OracleZone } from '../../support/cron-oracle.ts'
import type { Change } from '../../../shared/audit/changes.ts'
import type { Schedule, Tick } from '../../../shared/domain/schedule.ts'

const crons = new Map<string, OracleCron>()
const zones = new Map<string, OracleZone>()
const cronOf = (expr: string): OracleCron => {
  const known = crons.get(expr) ?? new OracleCron(expr)
  crons.set(expr, known)
  return known
}
const zoneOf = (name: string): OracleZone => {
  const known = zones.get(name) ?? new OracleZone(name)
  zones.set(name, known)
  return known
}
const horizon_ms = 400 * 86_400_000
const nextOf = ({ cron_expr, timezone }: Schedule, ref_ms: number): number => {
  const next_ms = cronOf(cron_expr).next(zoneOf(timezone), ref_ms, ref_ms + horizon_ms)
  if (next_ms === undefined) throw new Error(`${cron_expr} has no tick within a year`)
  return next_ms
}

interface Step {
  readonly before: Schedule | undefined
  readonly after: Schedule
  /** Ticks that got their row in this commit, oldest first. */
  readonly rows: readonly number[]
  /** The newest tick that had a row before. */
  readonly newest_ms: number
}

const sameTimes = (a: Schedule, b: Schedule): boolean => a.cron_expr === b.cron_expr && a.timezone === b.timezone

/** A schedule whose times were set, or that was resumed: it waits for its first tick after now that has no row. */
const beginsWrong = ({ after, rows, newest_ms }: Step): string | undefined => {
  if (rows.length > 0) return 'got rows in the commit that set its times'
  if (after.status !== 'active') return undefined
  const expected_ms = nextOf(after, Math.max(millis(after.updated_at), newest_ms))
  return millis(after.next_run_at) === expected_ms ? undefined : `waits for ${after.next_run_at} and not for ${timestamp(expected_ms)}`
}

/** From the tick that it waited for on, each has its row, up to what it waits for now. @param until_ms all before it */
const passesWrong = ({ rows }: Step, before: Schedule, first_ms: number, until_ms: number): string | undefined => {
  let expected_ms = first_ms
  for (const row_ms of rows) {
    if (row_ms !== expected_ms) return `gave a row to ${timestamp(row_ms)} and not to ${timestamp(expected_ms)}`
    expected_ms = nextOf(before, expected_ms)
  }
  return expected_ms < until_ms ? `gave no row to ${timestamp(expected_ms)}` : undefined
}

const stepWrong = (step: Step): string | undefined => {
  const { before, after, rows } = step
  if (before === undefined) return beginsWrong(step)
  if (before.status !== 'active') return before.status === 'deleted' && after.status !== 'deleted' ? 'came back' : beginsWrong(step)
  const first_ms = millis(before.next_run_at)
  if (after.status !== 'active') return passesWrong(step, before, first_ms, millis(after.updated_at) + 1)
  if (!sameTimes(before, after)) return first_ms <= millis(after.updated_at) ? `gave no row to ${before.next_run_at}` : beginsWrong(step)
  if (rows.length === 0) return after.next_run_at === before.next_run_at ? undefined : `moved on from ${before.next_run_at} without a row`
  const last_ms = rows.at(-1) ?? first_ms
  const expected_ms = nextOf(before, last_ms)
  if (millis(after.next_run_at) !== expected_ms) return `waits for ${after.next_run_at} and not for ${timestamp(expected_ms)}`
  return passesWrong(step, before, first_ms, 0)
}

/** An alarm may ring so much before its time by the plane's clock. */
const early_max_ms = 5_000

const isSchedule = (record: Change['after']): record is Schedule => record?.kind === 'schedule'
const ticksIn = (changes: readonly Change[]): readonly Tick[] => changes.flatMap(({ after }) => (after?.kind === 'tick' ? [after] : []))

/** @param newestOf the newest tick of a schedule that had a row before this commit, 0 where there was none */
export const tickWrongs = (changes: readonly Change[], newestOf: (schedule_id: string, but: readonly Tick[]) => number): readonly string[] => {
  const ticks = ticksIn(changes)
  const moved = changes.flatMap(({ before, after }) => (isSchedule(after) ? [{ before: isSchedule(before) ? before : undefined, after }] : []))
  const alone = ticks.filter(({ schedule_id }) => !moved.some(({ after }) => after.id === schedule_id))
  const steps = moved.map(({ before, after }) => {
    const own = ticks.filter(({ schedule_id }) => schedule_id === after.id)
    const rows = own.map(({ tick_at }) => millis(tick_at)).toSorted((a, b) => a - b)
    const wrong = stepWrong({ before, after, rows, newest_ms: newestOf(after.id, own) })
    return wrong === undefined ? [] : [`invariant 9: ${after.id} ${wrong}`]
  })
  const made = changes.flatMap(({ before, after }) => (before === undefined && after?.kind === 'command' && tickOf(after) !== undefined ? [after] : []))
  const unnamed = made.filter(({ task_id }) => !ticks.some(({ end }) => end.outcome === 'fired' && end.task_id === task_id))
  const early = ticks.filter(({ tick_at, decided_at }) => millis(tick_at) > millis(decided_at) + early_max_ms)
  return [
    ...early.map(({ schedule_id, tick_at, decided_at }) => `invariant 9: ${tick_at} of ${schedule_id} was decided at ${decided_at} already`),
    ...steps.flat(),
    ...alone.map(({ schedule_id, tick_at }) => `invariant 9: ${tick_at} got a row, and ${schedule_id} did not move on`),
    ...unnamed.map(({ task_id }) => `invariant 9: ${task_id} was made by a tick and no row says so`),
  ]
}
