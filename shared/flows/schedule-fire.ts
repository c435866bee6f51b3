/** Firing schedules: what is due ends, tick by tick, whoever noticed it first. */
import { commandKey } from '../domain/class-key.ts'
import { ticksOf } from '../domain/cron-ticks.ts'
import { decided, type Decision } from '../domain/decision.ts'
import { decideTicks, openTasksOf, planStep, tickKey, type Moment, type StepResult, type TickState } from '../domain/decide/schedule-ticks.ts'
import { decideStrayRing, scheduleSignal } from '../domain/decide/schedule-alarm.ts'
import { isTerminalTask } from '../domain/transitions.ts'
import { millis } from '../domain/time.ts'
import { refs } from '../store/keys.ts'
import { freshIds } from './accept.ts'
import { sendSignals, settled, type FlowDeps } from './flow.ts'
import { refuseAt } from './kill.ts'
import { fitTogether, loadAttached, loadPlace, loadTargetRun } from './load.ts'
import { withOverflow } from './overflow.ts'
import type { CancelState } from '../domain/decide/cancel.ts'
import type { Command } from '../domain/command.ts'
import type { ScheduleId, TaskId, WorkspaceId } from '../domain/ids.ts'
import type { ScheduleIn } from '../domain/schedule.ts'

export interface ScheduleName {
  readonly workspace_id: WorkspaceId
  readonly schedule_id: ScheduleId
}
export interface Caught {
  readonly ended: number
  readonly fired: readonly TaskId[]
  /** Ticks are left that are due; the next look goes on. */
  readonly more: boolean
  /** It is known that nothing is left to do. */
  readonly rests: boolean
}

/** Steps of one look: 1,600 ticks that only need their row. The next doorbell or sweep goes on from there. */
export const steps_max = 20
/** An alarm may ring so much before its time by the plane's clock: two clocks never agree. An earlier one changes nothing. */
const early_ms_max = 5_000

type Active = ScheduleIn<'active'>

/** Tasks of the schedule that are not over. @returns `torn` where records of one do not fit together, because somebody wrote between two reads */
const loadOpen = async (deps: FlowDeps, schedule: Active): Promise<readonly CancelState[] | 'torn'> => {
  if (schedule.overlap === 'queue') return []
  const open: CancelState[] = []
  for (const task of await deps.store.getMany(openTasksOf(schedule).map((id) => refs.task(schedule.workspace_id, id)))) {
    if (task === undefined || isTerminalTask(task)) continue
    const [run, place] = await Promise.all([loadTargetRun(deps, task), loadPlace(deps, task)])
    const attached = await loadAttached(deps, run)
    if (attached === undefined || !fitTogether(task, run)) return 'torn'
    open.push({ task, run, place, ...attached })
  }
  return open
}

/** Whose command it is and whether the workspace takes any, in one request: each costs more than what it reads. */
const loadOwners = async (deps: FlowDeps, { workspace_id, agent_id }: Active) => {
  const found = await deps.store.getMany<'agent' | 'gate'>([refs.agent(workspace_id, agent_id), refs.gate(workspace_id)])
  return { agent: found.find((record) => record?.kind === 'agent'), killed: refuseAt(found.find((record) => record?.kind === 'gate')) }
}

/** Looked for only where a commit failed: the key is the plane's own, and a client would have to take it on purpose. */
const loadTaken = async (deps: FlowDeps, schedule: Active, submit_ms: number | undefined): Promise<Command | undefined> =>
  submit_ms === undefined ? undefined : deps.store.get(refs.command(schedule.workspace_id, commandKey(schedule.agent_id, tickKey(schedule.id, submit_ms))))

const momentOf = (deps: FlowDeps, reached_ms: number): Moment => {
  const now_ms = deps.clock.now()
  return { now_ms, reached_ms: Math.max(now_ms, Math.min(reached_ms, now_ms + early_ms_max)) }
}

const nothing_due: StepResult = { ended: 0, fired: [], more: false, rests: false }

const step = async (deps: FlowDeps, name: ScheduleName, reached_ms: number, by: 'alarm' | 'look'): Promise<StepResult> => {
  let tries = 0
  return settled(deps, async (): Promise<Decision<StepResult> | undefined> => {
    tries += 1
    const schedule = await deps.store.get(refs.schedule(name.workspace_id, name.schedule_id))
    const moment = momentOf(deps, reached_ms)
    if (schedule?.status !== 'active' || millis(schedule.next_run_at) > moment.reached_ms) return decided([], [], nothing_due)
    const ticks = ticksOf(schedule.cron_expr, schedule.timezone)
    if (!ticks.ok) throw new Error(`${schedule.id} has a cron that no longer parses: ${ticks.detail}`)
    const [{ agent, killed }, open, taken] = await Promise.all([
      loadOwners(deps, schedule),
      loadOpen(deps, schedule),
      tries === 1 ? undefined : loadTaken(deps, schedule, planStep(schedule, ticks.value, moment.reached_ms).submit_ms),
    ])
    if (open === 'torn') return undefined
    const state: TickState = { schedule, ticks: ticks.value, agent, killed, open, taken, fresh: freshIds(deps) }
    const decision = decideTicks(state, deps.deployment, moment, by)
    return { ...decision, writes: await withOverflow(deps, decision.writes) }
  })
}

/** Ends what is due, in bounded steps. Each step is one commit; what is left after the last one is due at once. */
export const catchUp = async (deps: FlowDeps, name: ScheduleName, by: 'alarm' | 'look', reached_ms = 0): Promise<Caught> => {
  const fired: TaskId[] = []
  let ended = 0
  let more = true
  let rests = false
  for (let steps = 0; more && steps < steps_max; steps += 1) {
    const result = await step(deps, name, reached_ms, by)
    fired.push(...result.fired)
    ended += result.ended
    more = result.more
    rests = result.rests
  }
  return { ended, fired, more, rests }
}

export interface Alarm extends ScheduleName {
  /** The time that the alarm clock was set to. */
  readonly scheduled_at_ms: number
}

/** A ring for nothing may come from an entry that should not be there. */
const doubtAlarm = async (deps: FlowDeps, name: ScheduleName, scheduled_at_ms: number): Promise<void> =>
  settled(deps, async () => {
    const schedule = await deps.store.get(refs.schedule(name.workspace_id, name.schedule_id))
    if (schedule === undefined) return decided([], [], undefined)
    const ticks = ticksOf(schedule.cron_expr, schedule.timezone)
    if (!ticks.ok) throw new Error(`${schedule.id} has a cron that no longer parses: ${ticks.detail}`)
    return decideStrayRing(schedule, ticks.value, scheduled_at_ms, deps.clock.now())
  })

/**
 * The alarm clock rings. Late, doubled, early or for a schedule that is gone, it ends what is due and nothing else. Throws where the
 * commit failed for noise: then nothing was written, and the repeat of the alarm or the sweep tries again.
 */
export const fireSchedule = async (deps: FlowDeps, { scheduled_at_ms, ...name }: Alarm): Promise<Caught> => {
  const caught = await catchUp(deps, name, 'alarm', scheduled_at_ms)
  if (caught.ended === 0) await doubtAlarm(deps, name, scheduled_at_ms)
  if (caught.more) await sendSignals(deps, [scheduleSignal({ workspace_id: name.workspace_id, id: name.schedule_id })])
  return caught
}
