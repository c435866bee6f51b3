/** What happened to attempts: the word of runners, and task state changes of ECS, which arrive doubled, late and in any order. */
import * as z from 'zod'
import { RunId, WorkspaceId } from '../../shared/domain/ids.ts'
import { Finish } from '../../shared/contract/runner-protocol.ts'
import { ModelUsage } from '../../shared/domain/usage.ts'
import { applyAttemptEvent } from '../../shared/flows/finish.ts'
import { queueHandler, type SqsLambda } from '../middleware/sqs.ts'
import type { AttemptEvent } from '../../shared/ports/ports.ts'
import type { FlowDeps } from '../../shared/flows/flow.ts'
import type { Log } from '../../shared/ops/log.ts'

const name = { workspace_id: WorkspaceId, run_id: RunId, attempt_no: z.int().min(1) }

const RunnerEvent = z.discriminatedUnion('type', [
  Finish.extend({ ...name, type: z.literal('finished') }),
  z.strictObject({ ...name, type: z.literal('usage'), usage: ModelUsage }),
])

/** `startedBy` of a task that Lanekeeper launched: `<workspace>/<run>/<attempt no>`. */
const StartedBy = z.string().regex(/^ws_\w{26}\/run_\w{26}\/\d{1,6}$/)

/** The part of an ECS task state change that matters here. A task of somebody else in the cluster has another `startedBy`. */
const EcsEnvelope = z.object({
  'detail-type': z.literal('ECS Task State Change'),
  detail: z.object({
    taskArn: z.string(),
    lastStatus: z.string(),
    startedBy: z.string().optional(),
    stoppedReason: z.string().optional(),
    containers: z.array(z.object({ name: z.string(), exitCode: z.int().optional() })).default([]),
  }),
})

export const AttemptMessage = z.union([RunnerEvent, EcsEnvelope])

/** The event in a message; undefined where it is not about an attempt that has stopped. */
export const attemptEvent = (message: z.infer<typeof AttemptMessage>): AttemptEvent | undefined => {
  if ('type' in message) return message
  const { taskArn, lastStatus, startedBy, stoppedReason, containers } = message.detail
  const triple = StartedBy.safeParse(startedBy)
  if (lastStatus !== 'STOPPED' || !triple.success) return undefined
  const [workspace_id = '', run_id = '', attempt_no = ''] = triple.data.split('/')
  const exit_code = containers.find((container) => container.name === 'runner')?.exitCode
  return {
    type: 'stopped',
    workspace_id,
    run_id,
    attempt_no: Number(attempt_no),
    execution_id: taskArn,
    ...(exit_code === undefined ? {} : { exit_code }),
    reason: stoppedReason ?? 'no reason given',
  }
}

export const attemptEventsHandler = (deps: FlowDeps, log: Log): SqsLambda =>
  queueHandler({
    queue: 'fifo',
    schema: AttemptMessage,
    log,
    handle: async (message) => {
      const event = attemptEvent(message)
      if (event === undefined) return
      const changed = await applyAttemptEvent(deps, event)
      log.info(changed ? 'attempt_event_applied' : 'attempt_event_ignored', { type: event.type, run_id: event.run_id, attempt_no: event.attempt_no })
    },
  })
