/** Doorbells with a delay: a task whose time has come is looked at. */
import * as z from 'zod'
import { TaskId, WorkspaceId } from '../../shared/domain/ids.ts'
import { lookAtTask } from '../../shared/flows/look.ts'
import { queueHandler, type SqsLambda } from '../middleware/sqs.ts'
import type { ComputeDeps } from '../../shared/flows/flow.ts'
import type { Log } from '../../shared/ops/log.ts'

export const WakeMessage = z.strictObject({ workspace_id: WorkspaceId, task_id: TaskId })

export const wakeHandler = (deps: ComputeDeps, log: Log): SqsLambda =>
  queueHandler({ queue: 'standard', schema: WakeMessage, log, handle: async (message) => lookAtTask(deps, message) })
