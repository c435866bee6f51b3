/** Violations of schedules and their ledgers, as in planted.ts. */
import { keyText } from '../../shared/audit/finding.ts'
import { commandKey } from '../../shared/domain/class-key.ts'
import { AgentId } from '../../shared/domain/ids.ts'
import { tickKey } from '../../shared/domain/decide/schedule-ticks.ts'
import { timestamp } from '../../shared/domain/time.ts'
import { refs } from '../../shared/store/keys.ts'
import { now, put, read, remove, replace, scheduleRef, tickRef, worked, ws } from './audited.ts'
import type { Planted } from './planted.ts'
import type { ScheduleIn } from '../../shared/domain/schedule.ts'

const scheduleKey = () => keyText(scheduleRef())
const rowKey = () => keyText(tickRef(2))
const active = async (): Promise<ScheduleIn<'active'>> => {
  const schedule = await read(scheduleRef())
  if (schedule.status !== 'active') throw new Error(schedule.status)
  return schedule
}
const minute_ms = 60_000
const later = (at: string, by_ms: number) => timestamp(Date.parse(at) + by_ms)

/** The command of the task that the second tick fired. */
const firedRef = async () => {
  const schedule = await active()
  return refs.command(ws(), commandKey(schedule.agent_id, tickKey(schedule.id, Date.parse((await read(tickRef(2))).tick_at))))
}

export const planted_in_schedules: readonly Planted[] = [
  { code: 'tick_without_row', what: 'a row that is gone', plant: async () => remove(tickRef(1)), at: scheduleKey },
  {
    code: 'tick_without_row',
    what: 'a schedule that moved on without a row',
    plant: async () => {
      const schedule = await active()
      await replace({ ...schedule, next_run_at: later(schedule.next_run_at, minute_ms), due_at: later(schedule.due_at, minute_ms) })
    },
    at: scheduleKey,
  },
  {
    code: 'row_without_tick',
    what: 'a row of a tick that has not come',
    plant: async () => {
      const row = await read(tickRef(2))
      await put({ ...row, tick_at: later(row.tick_at, minute_ms), end: { outcome: 'missed', reason: 'outside_catchup_window' } })
    },
    at: async () => keyText(refs.tick(ws(), (await active()).id, (await active()).next_run_at)),
  },
  {
    code: 'row_without_tick',
    what: 'a row of what is no tick',
    plant: async () => {
      const row = await read(tickRef(2))
      await put({ ...row, tick_at: later(row.tick_at, -1_000), end: { outcome: 'missed', reason: 'outside_catchup_window' } })
    },
    at: async () => keyText(refs.tick(ws(), (await active()).id, later((await active()).next_run_at, -minute_ms - 1_000))),
  },
  {
    code: 'row_without_task',
    what: 'a fired row whose task is gone',
    plant: async () => {
      const { end } = await read(tickRef(2))
      if (end.outcome !== 'fired') throw new Error(end.outcome)
      await remove(refs.task(ws(), end.task_id))
    },
    at: rowKey,
  },
  {
    code: 'row_without_task',
    what: 'a fired row that names a task of somebody else',
    plant: async () => replace({ ...(await read(tickRef(2))), end: { outcome: 'fired', reason: 'on_time', task_id: worked('running').id } }),
    at: rowKey,
  },
  {
    code: 'task_without_row',
    what: 'a task of a tick whose row says skipped',
    plant: async () => replace({ ...(await read(tickRef(2))), end: { outcome: 'skipped', reason: 'paused' } }),
    at: async () => keyText(await firedRef()),
  },
  {
    code: 'schedule_forgotten',
    what: 'an active schedule that is due an hour after its tick',
    plant: async () => {
      const schedule = await active()
      await replace({ ...schedule, due_at: later(schedule.next_run_at, 60 * minute_ms) })
    },
    at: scheduleKey,
  },
  {
    code: 'schedule_forgotten',
    what: 'a paused schedule whose alarms nothing takes out',
    plant: async () => {
      const { next_run_at: _, due_at: __, status: ___, ...rest } = await active()
      await replace({ ...rest, status: 'paused', paused_reason: 'by_request', alarm: { ...rest.alarm, revision: rest.alarm.revision + 1 } })
    },
    at: scheduleKey,
  },
  {
    code: 'overdue',
    what: 'a schedule that was due half an hour ago',
    plant: async () => replace({ ...(await active()), due_at: now(-1_800_000) }),
    at: scheduleKey,
  },
  {
    code: 'agent_missing',
    what: 'a schedule of an agent that is not there',
    plant: async () => replace({ ...(await active()), agent_id: AgentId.parse('agt_7ZZZZZZZZZZZZZZZZZZZZZZZZZ') }),
    at: scheduleKey,
  },
]
