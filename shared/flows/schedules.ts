/** Creating, changing, pausing and deleting schedules, and firing one now. */
import { canonicalHash } from '../domain/canonical-json.ts'
import { ticksOf } from '../domain/cron-ticks.ts'
import { decided, type Decision } from '../domain/decision.ts'
import {
  decideCreateSchedule,
  decideStopSchedule,
  decideUpdateSchedule,
  hasDueTicks,
  type Making,
  type NewSchedule,
  type ScheduleChange,
  type Stop,
  type Stopped,
} from '../domain/decide/schedule.ts'
import { decideFiredByHand, scheduleCommand } from '../domain/decide/schedule-ticks.ts'
import { ScheduleId, type AgentId, type WorkspaceId } from '../domain/ids.ts'
import { ok, refuse, type Refusal, type Result } from '../domain/result.ts'
import { refs } from '../store/keys.ts'
import { acceptCommand, type AcceptResult } from './accept.ts'
import { settle, type FlowDeps } from './flow.ts'
import { catchUp, type ScheduleName } from './schedule-fire.ts'
import type { Schedule, ScheduleIn } from '../domain/schedule.ts'

type Live = ScheduleIn<'active' | 'paused'>

/** Looks until the ticks of an outage have ended; 24,000 ticks are more than two weeks of every minute. */
const looks_max = 15

const noSchedule = (schedule_id: string): Refusal => refuse('not_found', `no schedule ${schedule_id}`)

/** A schedule that is not deleted. */
export const loadSchedule = async (deps: Pick<FlowDeps, 'store'>, { workspace_id, schedule_id }: ScheduleName): Promise<Live | undefined> => {
  const schedule = await deps.store.get(refs.schedule(workspace_id, schedule_id))
  return schedule === undefined || schedule.status === 'deleted' ? undefined : schedule
}

/** What a schedule of these fields is made with. */
const loadMaking = async (
  deps: FlowDeps,
  workspace_id: WorkspaceId,
  fields: { readonly agent_id: AgentId; readonly cron_expr: string; readonly timezone: string },
): Promise<Result<Making>> => {
  const ticks = ticksOf(fields.cron_expr, fields.timezone)
  if (!ticks.ok) return ticks
  const agent = await deps.store.get(refs.agent(workspace_id, fields.agent_id))
  if (agent === undefined) return refuse('not_found', `no agent ${fields.agent_id}`, [{ field: 'agent_id', message: 'no such agent' }])
  return ok({ agent, ticks: ticks.value, deployment: deps.deployment })
}

export const createSchedule = async (deps: FlowDeps, workspace_id: WorkspaceId, wanted: Omit<NewSchedule, 'id'>): Promise<Result<Schedule>> => {
  const id = ScheduleId.parse(deps.ids.mint('schedule'))
  return settle(deps, async () => {
    const making = await loadMaking(deps, workspace_id, wanted)
    return making.ok ? decideCreateSchedule({ ...wanted, id }, making.value, deps.clock.now()) : making
  })
}

const busy = refuse('too_many_conflicts', 'the ticks of an outage are being recorded: try again')

/** Stops a schedule without firing what is due: whoever stops it wants no more of it. */
const stopSchedule = async (deps: FlowDeps, name: ScheduleName, stop: Stop): Promise<Result<Schedule>> => {
  for (let looks = 0; looks < looks_max * 20; looks += 1) {
    const stopped = await settle<Stopped>(deps, async () => {
      const schedule = await loadSchedule(deps, name)
      if (schedule === undefined) return noSchedule(name.schedule_id)
      const ticks = ticksOf(schedule.cron_expr, schedule.timezone)
      return ticks.ok ? decideStopSchedule(schedule, ticks.value, stop, deps.clock.now()) : ticks
    })
    if (!stopped.ok) return stopped
    if (!stopped.value.more) return ok(stopped.value.schedule)
  }
  return busy
}

const decideUpdate = async (deps: FlowDeps, name: ScheduleName, change: ScheduleChange): Promise<Decision<Schedule | 'ticks are due'> | Refusal> => {
  const schedule = await loadSchedule(deps, name)
  if (schedule === undefined) return noSchedule(name.schedule_id)
  const making = await loadMaking(deps, name.workspace_id, {
    agent_id: change.agent_id ?? schedule.agent_id,
    cron_expr: change.cron_expr ?? schedule.cron_expr,
    timezone: change.timezone ?? schedule.timezone,
  })
  if (!making.ok) return making
  const now_ms = deps.clock.now()
  return hasDueTicks(schedule, now_ms) ? decided([], [], 'ticks are due') : decideUpdateSchedule(schedule, change, making.value, now_ms)
}

/** Ticks that are due before the change end first, as what the schedule was. */
export const updateSchedule = async (deps: FlowDeps, name: ScheduleName, change: ScheduleChange): Promise<Result<Schedule>> => {
  if (change.active === false) {
    const stopped = await stopSchedule(deps, name, { to: 'paused', reason: 'by_request' })
    if (!stopped.ok) return stopped
  }
  for (let looks = 0; looks < looks_max; looks += 1) {
    const updated = await settle(deps, async () => decideUpdate(deps, name, change))
    if (!updated.ok) return updated
    if (updated.value !== 'ticks are due') return ok(updated.value)
    await catchUp(deps, name, 'look')
  }
  return busy
}

/** Deleted, it has no more ticks. Tasks that it fired before go on; each can be cancelled. */
export const deleteSchedule = async (deps: FlowDeps, name: ScheduleName): Promise<Result<Schedule>> => stopSchedule(deps, name, { to: 'deleted' })

/** Pauses a schedule whose agent is deleted. */
export const pauseForAgent = async (deps: FlowDeps, name: ScheduleName): Promise<Result<Schedule>> =>
  stopSchedule(deps, name, { to: 'paused', reason: 'agent_deleted' })

/**
 * Submits the schedule's command now, active or paused, whatever its overlap policy says. It is no tick and has no row in the ledger; the
 * next tick asks for its task as it does for those of ticks.
 */
export const fireNow = async (deps: FlowDeps, name: ScheduleName, idempotency_key: string | undefined): Promise<Result<AcceptResult>> => {
  const schedule = await loadSchedule(deps, name)
  if (schedule === undefined) return noSchedule(name.schedule_id)
  const fresh = deps.ids.mint('input').replace(/^inp_/, '')
  const params = scheduleCommand(schedule, { idempotency: `schedule:${schedule.id}:now:${idempotency_key ?? fresh}`, session: `now-${fresh}` })
  const { session_id: _, ...body } = params
  const accepted = await acceptCommand(deps, { workspace_id: name.workspace_id, params, body_hash: canonicalHash(body) })
  if (!accepted.ok) return accepted
  // Whoever breaks off here and asks again with the same key comes by once more.
  const noted = await settle(deps, async () => {
    const fresh_schedule = await loadSchedule(deps, name)
    return fresh_schedule === undefined ? decided([], [], undefined) : decideFiredByHand(fresh_schedule, accepted.value.task.id)
  })
  return noted.ok ? accepted : noted
}
