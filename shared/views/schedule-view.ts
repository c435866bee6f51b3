import type { ScheduleView, TickView } from '../contract/schedules.ts'
import { alarmIsSet } from '../domain/decide/schedule-alarm.ts'
import { redactText } from '../domain/redact.ts'
import type { Schedule, Tick } from '../domain/schedule.ts'

/** A schedule as a client sees it. */
export const scheduleView = (schedule: Schedule): ScheduleView => ({
  id: schedule.id,
  workspace_id: schedule.workspace_id,
  agent_id: schedule.agent_id,
  cron_expr: schedule.cron_expr,
  timezone: schedule.timezone,
  prompt: redactText(schedule.prompt),
  skill_paths: schedule.skill_paths.map((path) => redactText(path)),
  overlap: schedule.overlap,
  catchup_window_ms: schedule.catchup_window_ms,
  active: schedule.status === 'active',
  ...(schedule.status === 'paused' ? { paused_reason: schedule.paused_reason } : {}),
  ...(schedule.status === 'active' ? { next_run_at: schedule.next_run_at } : {}),
  ...(schedule.last_run_at === undefined ? {} : { last_run_at: schedule.last_run_at }),
  ...(schedule.last_task_id === undefined ? {} : { last_task_id: schedule.last_task_id }),
  alarm: alarmIsSet(schedule.alarm) ? 'set' : 'pending',
  created_by: schedule.created_by,
  ...(schedule.status === 'deleted' ? { deleted_at: schedule.deleted_at } : {}),
  created_at: schedule.created_at,
  updated_at: schedule.updated_at,
})

/** A row of the ledger as a client sees it. */
export const tickView = ({ schedule_id, tick_at, decided_at, end }: Tick): TickView => ({
  schedule_id,
  tick_at,
  decided_at,
  outcome: end.outcome,
  reason: end.reason,
  ...(end.outcome === 'fired' ? { task_id: end.task_id } : {}),
  ...(end.reason === 'refused' ? { refusal: { code: end.refusal.code, detail: redactText(end.refusal.detail) } } : {}),
})
