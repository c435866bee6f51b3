/**
 * A question that the agent asks before it uses a tool, where the policy's `ask` says so. Its record keeps what was asked and how it
 * ended; the run keeps those that its agent has open, so that the run's version decides between an answer, an expiry and the run's end.
 */
import * as z from 'zod'
import { ApiKeyId, ApprovalId, RunId, TaskId, WorkspaceId } from './ids.ts'
import { Timestamp } from './time.ts'

export const approval_actions = ['approve', 'reject'] as const
export const ApprovalAction = z.enum(approval_actions)
export type ApprovalAction = z.infer<typeof ApprovalAction>

/**
 * How a question ended: somebody answered; nobody did in time, which counts as a rejection; or the attempt that asked ended first, so
 * nobody waits for the answer any more.
 */
export const Resolution = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('answered'), action: ApprovalAction, reason: z.string().optional(), api_key_id: ApiKeyId.optional() }),
  z.strictObject({ kind: z.literal('expired') }),
  z.strictObject({ kind: z.literal('withdrawn'), reason: z.enum(['attempt_ended', 'run_cancelled', 'run_over']) }),
])
export type Resolution = z.infer<typeof Resolution>

export const Approval = z.strictObject({
  kind: z.literal('approval'),
  id: ApprovalId,
  workspace_id: WorkspaceId,
  task_id: TaskId,
  run_id: RunId,
  attempt_no: z.int().min(1),
  tool_use_id: z.string(),
  tool: z.string(),
  /** What the tool is asked to do: JSON, redacted, cut to fit. */
  input: z.string(),
  reason: z.string(),
  asked_at: Timestamp,
  expires_at: Timestamp,
  /** Absent while it is open. */
  resolved: z.strictObject({ at: Timestamp, resolution: Resolution }).optional(),
  version: z.int(),
})
export type Approval = z.infer<typeof Approval>

/** Finds an approval by its id. Immutable. */
export const ApprovalName = z.strictObject({
  kind: z.literal('approval_name'),
  workspace_id: WorkspaceId,
  id: ApprovalId,
  run_id: RunId,
  version: z.int(),
})
export type ApprovalName = z.infer<typeof ApprovalName>

/** An attempt that asks for more at once is refused: each is settled in the commit that ends the attempt. */
export const open_questions_max = 20

/**
 * A question in the list of its run. `saved`: the session's checkpoint knows it, because an attempt parked with it; the next attempt
 * presents it again and needs its answer.
 */
export const OpenQuestion = z.strictObject({
  approval_id: ApprovalId,
  tool_use_id: z.string(),
  asked_at: Timestamp,
  expires_at: Timestamp,
  saved: z.boolean().optional(),
  answer: z.strictObject({ action: ApprovalAction, reason: z.string().optional() }).optional(),
})
export type OpenQuestion = z.infer<typeof OpenQuestion>
