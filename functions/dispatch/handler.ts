/** Rings of classes and sessions: somebody asks for a look. One class is looked at by one dispatcher at a time (FIFO group). */
import * as z from 'zod'
import { CeilingOwner } from '../../shared/domain/ceiling.ts'
import { ClassKey, SessionId, WorkspaceId } from '../../shared/domain/ids.ts'
import { lookAtCeiling } from '../../shared/flows/ceilings.ts'
import { lookAtClass } from '../../shared/flows/dispatch.ts'
import { lookAtSession } from '../../shared/flows/session.ts'
import { queueHandler, type SqsLambda } from '../middleware/sqs.ts'
import type { ComputeDeps } from '../../shared/flows/flow.ts'
import type { Log } from '../../shared/ops/log.ts'

export const DispatchMessage = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('class'), workspace_id: WorkspaceId, class_key: ClassKey }),
  z.strictObject({ kind: z.literal('session'), workspace_id: WorkspaceId, session_id: SessionId }),
  z.strictObject({ kind: z.literal('ceiling'), owner: CeilingOwner }),
])

const look = async (deps: ComputeDeps, message: z.infer<typeof DispatchMessage>): Promise<void> => {
  switch (message.kind) {
    case 'class':
      return lookAtClass(deps, message)
    case 'session':
      return lookAtSession(deps, message)
    case 'ceiling':
      return lookAtCeiling(deps, message.owner)
  }
}

export const dispatchHandler = (deps: ComputeDeps, log: Log): SqsLambda =>
  queueHandler({
    queue: 'fifo',
    schema: DispatchMessage,
    log,
    doorbells: true,
    handle: async (message) => look(deps, message),
  })
