/** Looking at a schedule, when a doorbell rings or its time has come: what is due ends, and its alarm clock is set. */
import { ticksOf } from '../domain/cron-ticks.ts'
import { decided } from '../domain/decision.ts'
import { alarmEntries, alarmIsSet, decideAlarmSet, decideRested, scheduleSignal } from '../domain/decide/schedule-alarm.ts'
import { refs } from '../store/keys.ts'
import { sendSignals, settled, type AlarmDeps, type FlowDeps } from './flow.ts'
import { catchUp, type ScheduleName } from './schedule-fire.ts'
import type { Schedule } from '../domain/schedule.ts'

/** Entries are set again at most so often in one look, where the schedule keeps changing meanwhile. */
const settings_max = 3

const load = async (deps: FlowDeps, name: ScheduleName): Promise<Schedule | undefined> => deps.store.get(refs.schedule(name.workspace_id, name.schedule_id))

/** Makes the entries of the alarm clock what the schedule wants. @returns whether it changed meanwhile, so that they have to be set once more */
const setOnce = async (deps: AlarmDeps, schedule: Schedule): Promise<boolean> => {
  const ticks = ticksOf(schedule.cron_expr, schedule.timezone)
  if (!ticks.ok) throw new Error(`${schedule.id} has a cron that no longer parses: ${ticks.detail}`)
  const name = { workspace_id: schedule.workspace_id, schedule_id: schedule.id }
  await deps.alarm_clock.set(name, alarmEntries(schedule, ticks.value, deps.clock.now()))
  const set = await settled(deps, async () => {
    const fresh = await load(deps, name)
    return fresh === undefined ? decided([], [], { again: false }) : decideAlarmSet(fresh, schedule.alarm.revision, deps.clock.now())
  })
  return set.again
}

const setAlarm = async (deps: AlarmDeps, name: ScheduleName): Promise<void> => {
  for (let times = 0; times < settings_max; times += 1) {
    const schedule = await load(deps, name)
    if (schedule === undefined || alarmIsSet(schedule.alarm) || !(await setOnce(deps, schedule))) return
  }
}

/**
 * Looks at a schedule. Safe to repeat at any time, from anywhere. An alarm clock that does not answer is no failure of the look: it is
 * set again at the next one, and what is due is fired meanwhile.
 */
export const lookAtSchedule = async (deps: AlarmDeps, name: ScheduleName): Promise<void> => {
  const caught = await catchUp(deps, name, 'look')
  if (caught.rests) return
  if (caught.more) return sendSignals(deps, [scheduleSignal({ workspace_id: name.workspace_id, id: name.schedule_id })])
  try {
    await setAlarm(deps, name)
  } catch (cause) {
    deps.report?.('alarm_failed', cause)
  }
  await settled(deps, async () => {
    const schedule = await load(deps, name)
    return schedule === undefined ? decided([], [], undefined) : decideRested(schedule, deps.clock.now())
  })
}
