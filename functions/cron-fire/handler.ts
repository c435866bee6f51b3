/** The alarm clock rings: the schedule's ticks that are due end. */
import * as z from 'zod'
import { ScheduleId, WorkspaceId } from '../../shared/domain/ids.ts'
import { millis } from '../../shared/domain/time.ts'
import { fireSchedule } from '../../shared/flows/schedule-fire.ts'
import type { FlowDeps } from '../../shared/flows/flow.ts'
import type { Log } from '../../shared/ops/log.ts'

/** As the alarm clock's entries say it; EventBridge Scheduler puts the time in. */
export const AlarmEvent = z.strictObject({ workspace_id: WorkspaceId, schedule_id: ScheduleId, scheduled_at: z.iso.datetime() })

/** Throws where nothing could be written: EventBridge Scheduler rings again then, and the sweep covers for it. */
export const cronFireHandler =
  (deps: FlowDeps, log: Log) =>
  async (event: unknown): Promise<{ readonly ended: number; readonly fired: number }> => {
    const { workspace_id, schedule_id, scheduled_at } = AlarmEvent.parse(event)
    const { ended, fired } = await fireSchedule(deps, { workspace_id, schedule_id, scheduled_at_ms: millis(scheduled_at) })
    log.info('schedule_fired', { workspace_id, schedule_id, scheduled_at, ended, fired: fired.length })
    return { ended, fired: fired.length }
  }
