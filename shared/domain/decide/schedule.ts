/** Schedules: what a new one is made of, how one is changed, paused and resumed, and how one ends. */
import { decided, type Decision } from '../decision.ts'
import { refuse, type Refusal } from '../result.ts'
import { millis, timestamp } from '../time.ts'
import { refuseAgent } from './accept.ts'
import { refuseRedacted } from './redacted.ts'
import { activeDue, alarm_repair_ms, changedAlarm, scheduleSignal, withoutTick } from './schedule-alarm.ts'
import { planStep, tickedBy, tickRow, type Closing } from './schedule-ticks.ts'
import type { Agent } from '../agent.ts'
import type { AgentId, ApiKeyId, ScheduleId } from '../ids.ts'
import type { Alarm, Overlap, PauseReason, Schedule, ScheduleIn } from '../schedule.ts'
import type { TickSource } from '../schedule-ticks.ts'
import type { Deployment } from '../../settings.ts'

export interface ScheduleFields {
  readonly agent_id: AgentId
  readonly cron_expr: string
  readonly timezone: string
  readonly prompt: string
  readonly skill_paths: readonly string[]
  readonly overlap: Overlap
  readonly catchup_window_ms: number
}
export interface NewSchedule extends ScheduleFields {
  readonly id: ScheduleId
  readonly active: boolean
  readonly created_by: ApiKeyId
}
export type ScheduleChange = { readonly [F in keyof ScheduleFields]?: ScheduleFields[F] | undefined } & { readonly active?: boolean | undefined }

/** The agent must be able to run what is submitted. It may be inactive: ticks are skipped as long as it is. */
const refuseFor = (agent: Agent, deployment: Deployment, skill_paths: readonly string[]): Refusal | undefined =>
  refuseAgent({ ...agent, active: true }, deployment) ??
  (skill_paths.length === 0
    ? undefined
    : refuse('feature_unsupported', 'this deployment cannot load skills: leave skill_paths out', [
        { field: 'skill_paths', message: 'is not offered', allowed: ['[]'] },
      ]))

const neverHappens = (cron_expr: string, timezone: string): Refusal =>
  refuse('invalid_request', `cron_expr ${cron_expr} never happens in ${timezone}`, [
    { field: 'cron_expr', message: `never happens in ${timezone}`, value: cron_expr },
  ])

export interface Making {
  readonly agent: Agent
  readonly ticks: TickSource
  readonly deployment: Deployment
}

/** Its first tick is the first one strictly after now. */
export const decideCreateSchedule = (wanted: NewSchedule, { agent, ticks, deployment }: Making, now_ms: number): Decision<Schedule> | Refusal => {
  const refusal = refuseRedacted({ prompt: wanted.prompt }) ?? refuseFor(agent, deployment, wanted.skill_paths)
  if (refusal !== undefined) return refusal
  const next_ms = ticks.after(now_ms)
  if (next_ms === undefined) return neverHappens(wanted.cron_expr, wanted.timezone)
  const now = timestamp(now_ms)
  const { active, skill_paths, ...fields } = wanted
  const alarm: Alarm = { revision: 1, obsolete: [] }
  const base = {
    kind: 'schedule' as const,
    ...fields,
    skill_paths: [...skill_paths],
    workspace_id: agent.workspace_id,
    alarm,
    created_at: now,
    updated_at: now,
    version: 1,
  }
  const schedule: Schedule = active
    ? { ...base, status: 'active', ticks_since: now, next_run_at: timestamp(next_ms), due_at: activeDue(next_ms, alarm, now_ms) }
    : { ...base, status: 'paused', paused_reason: 'by_request', alarm: { ...alarm, set: 1 } }
  return decided([{ op: 'put_if_absent', record: schedule }], active ? [scheduleSignal(schedule)] : [], schedule)
}

/** The ticks of an active schedule that are due have to end before it changes: they belong to what it was. */
export const hasDueTicks = (schedule: Schedule, now_ms: number): boolean => schedule.status === 'active' && millis(schedule.next_run_at) <= now_ms

type Live = ScheduleIn<'active' | 'paused'>

const withFields = (schedule: Live, change: ScheduleChange): Live => ({
  ...schedule,
  agent_id: change.agent_id ?? schedule.agent_id,
  cron_expr: change.cron_expr ?? schedule.cron_expr,
  timezone: change.timezone ?? schedule.timezone,
  prompt: change.prompt ?? schedule.prompt,
  skill_paths: [...(change.skill_paths ?? schedule.skill_paths)],
  overlap: change.overlap ?? schedule.overlap,
  catchup_window_ms: change.catchup_window_ms ?? schedule.catchup_window_ms,
})

const paused = (schedule: Live, paused_reason: PauseReason, now_ms: number): ScheduleIn<'paused'> => {
  if (schedule.status === 'paused') return schedule
  const { next_run_at: _, status: __, ...kept } = schedule
  return { ...kept, status: 'paused', paused_reason, alarm: withoutTick(schedule.alarm, schedule.next_run_at), due_at: timestamp(now_ms + alarm_repair_ms) }
}

/** From when on new times count: now, but not before the newest tick that has a row. An older release writes the time of its last fire only. */
const sinceWhen = ({ ticked_at, last_run_at }: Schedule, now_ms: number): number =>
  Math.max(now_ms, ...[ticked_at, last_run_at].map((at) => (at === undefined ? 0 : millis(at))))

/** Active with the first tick after now; where its times did not change, it keeps the next one that it has. */
const activated = (schedule: Live, retimed: boolean, ticks: TickSource, now_ms: number): ScheduleIn<'active'> | undefined => {
  if (schedule.status === 'active' && !retimed) return schedule
  const since_ms = sinceWhen(schedule, now_ms)
  const next_ms = ticks.after(since_ms)
  if (next_ms === undefined) return undefined
  const { status: _, due_at: __, ...kept } = schedule
  const { paused_reason: ___, ...bare } = 'paused_reason' in kept ? kept : { ...kept, paused_reason: undefined }
  const alarm = schedule.status === 'active' ? withoutTick(schedule.alarm, schedule.next_run_at) : changedAlarm(schedule.alarm)
  const times = { ticks_since: timestamp(since_ms), next_run_at: timestamp(next_ms), due_at: activeDue(next_ms, alarm, now_ms) }
  return { ...bare, status: 'active', alarm, ...times }
}

/**
 * Changes what is given. What was due before must have ended (`hasDueTicks`), and whoever pauses it decides `decideStopSchedule` first; from here on the ticks are those of
 * the new cron and zone, strictly after now. A paused schedule has no ticks, and none of the past when it is resumed.
 * @param making the agent and ticks as they are after the change
 */
export const decideUpdateSchedule = (schedule: Live, change: ScheduleChange, making: Making, now_ms: number): Decision<Schedule> | Refusal => {
  if (hasDueTicks(schedule, now_ms)) throw new Error(`${schedule.id} is changed while ticks are due`)
  const changed = withFields(schedule, change)
  const wanted = change.active ?? schedule.status === 'active'
  // One whose agent is gone can still be paused, and changed while it is.
  const asks = wanted || change.agent_id !== undefined || change.skill_paths !== undefined
  const refusal = refuseRedacted({ prompt: change.prompt }) ?? (asks ? refuseFor(making.agent, making.deployment, changed.skill_paths) : undefined)
  if (refusal !== undefined) return refusal
  const retimed = changed.cron_expr !== schedule.cron_expr || changed.timezone !== schedule.timezone
  if (retimed && making.ticks.after(now_ms) === undefined) return neverHappens(changed.cron_expr, changed.timezone)
  const moved = wanted ? activated(changed, retimed, making.ticks, now_ms) : paused(changed, 'by_request', now_ms)
  if (moved === undefined) return neverHappens(changed.cron_expr, changed.timezone)
  const updated: Schedule = { ...moved, updated_at: timestamp(now_ms) }
  const rings = updated.alarm.revision === schedule.alarm.revision ? [] : [scheduleSignal(schedule)]
  return decided([{ op: 'replace_if_version', record: updated }], rings, updated)
}

/** How a schedule stops: it is paused, for a reason, or deleted. */
export type Stop = { readonly to: 'paused'; readonly reason: PauseReason } | { readonly to: 'deleted' }
export interface Stopped {
  readonly schedule: Schedule
  /** Ticks are left that are due: the same has to be decided again. */
  readonly more: boolean
}

const closingOf: Readonly<Record<Stop['to'], Closing>> = { paused: 'paused', deleted: 'deleted' }

const stoppedAs = (schedule: Live, stop: Stop, now_ms: number): Schedule => {
  const now = timestamp(now_ms)
  const halted = { ...paused(schedule, stop.to === 'paused' ? stop.reason : 'by_request', now_ms), updated_at: now }
  if (stop.to === 'paused') return halted
  const { status: _, paused_reason: __, ...bare } = halted
  // Its entries are taken out once more even where it was paused: it is the last time that anybody looks.
  return { ...bare, status: 'deleted', deleted_at: now, alarm: changedAlarm(halted.alarm), due_at: timestamp(now_ms + alarm_repair_ms) }
}

/**
 * Stops a schedule. Ticks that are due by then are not fired: each ends as skipped, in the same commit where they are few. A deleted
 * schedule's record stays, so that past tasks can name it; its entries in the alarm clock are taken out.
 */
export const decideStopSchedule = (schedule: Live, ticks: TickSource, stop: Stop, now_ms: number): Decision<Stopped> => {
  if (schedule.status === 'paused' && stop.to === 'paused') return decided([], [], { schedule, more: false })
  const step = schedule.status === 'active' && hasDueTicks(schedule, now_ms) ? planStep(schedule, ticks, now_ms, closingOf[stop.to]) : undefined
  const rows = (step?.ended ?? []).map(({ tick_ms, end }) => tickRow(schedule, tick_ms, end, now_ms))
  if (schedule.status === 'active' && step?.next_ms !== undefined && step.next_ms <= now_ms) {
    const moved: Schedule = { ...schedule, ...tickedBy(step), next_run_at: timestamp(step.next_ms), due_at: timestamp(now_ms) }
    return decided([...rows, { op: 'replace_if_version', record: moved }], [], { schedule: moved, more: true })
  }
  const stopped = stoppedAs(step === undefined ? schedule : { ...schedule, ...tickedBy(step) }, stop, now_ms)
  return decided([...rows, { op: 'replace_if_version', record: stopped }], [scheduleSignal(schedule)], { schedule: stopped, more: false })
}
