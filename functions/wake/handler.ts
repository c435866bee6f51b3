/** Doorbells with a delay: a task whose time has come is looked at, and a schedule that has changed. */
import * as z from 'zod'
import { ScheduleId, TaskId, WorkspaceId } from '../../shared/domain/ids.ts'
import { lookAtSchedule } from '../../shared/flows/schedule-look.ts'
import { lookAtTask } from '../../shared/flows/look.ts'
import { queueHandler, type SqsLambda } from '../middleware/sqs.ts'
import type { LookDeps } from '../../shared/flows/flow.ts'
import type { Log } from '../../shared/ops/log.ts'

export const WakeMessage = z.union([
  z.strictObject({ workspace_id: WorkspaceId, task_id: TaskId }),
  z.strictObject({ workspace_id: WorkspaceId, schedule_id: ScheduleId }),
])

export const wakeHandler = (deps: LookDeps, log: Log): SqsLambda =>
  queueHandler({
    queue: 'standard',
    schema: WakeMessage,
    log,
    handle: async (message) => ('task_id' in message ? lookAtTask(deps, message) : lookAtSchedule(deps, message)),
  })
