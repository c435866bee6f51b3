/** Questions of an agent to a human, where the policy's `ask` says so. */
import * as z from 'zod'
import { ApprovalAction } from '../domain/approval.ts'
import { ApiKeyId, ApprovalId, RunId, TaskId, WorkspaceId } from '../domain/ids.ts'
import { Timestamp } from '../domain/time.ts'
import { listOf, named, Nothing, page_query } from './common.ts'
import { operation } from './operation.ts'

export const approval_states = ['open', 'approved', 'rejected', 'expired', 'withdrawn'] as const

export const ApprovalView = named(
  'Approval',
  z.object({
    id: ApprovalId,
    workspace_id: WorkspaceId,
    task_id: TaskId,
    run_id: RunId,
    attempt_no: z.int(),
    /** `expired` counts as rejected; `withdrawn`: the attempt ended before an answer came, so nobody waits for one. */
    state: z.enum(approval_states),
    tool: z.string(),
    /** What the tool is asked to do: JSON, redacted, cut to fit. */
    input: z.string(),
    /** Why it is asked. */
    reason: z.string(),
    /** What whoever answered said of it, or why it was withdrawn. */
    answer_reason: z.string().optional(),
    /** The key that answered. */
    answered_by: ApiKeyId.optional(),
    created_at: Timestamp,
    expires_at: Timestamp,
    resolved_at: Timestamp.optional(),
  }),
)
export type ApprovalView = z.infer<typeof ApprovalView>

export const AnswerApproval = z.strictObject({ action: ApprovalAction, reason: z.string().trim().min(1).max(2_000).optional() })

const ofApproval = { tag: 'approvals', params: z.strictObject({ approval_id: ApprovalId }), query: Nothing } as const

export const approval_operations = {
  listApprovals: operation({
    id: 'listApprovals',
    method: 'GET',
    path: '/v1/approvals',
    tag: 'approvals',
    summary: 'Every question of the workspace that is open, newest first',
    role: 'viewer',
    params: Nothing,
    query: z.strictObject({ ...page_query }),
    responses: { 200: listOf('ApprovalList', ApprovalView) },
    problems: [],
  }),
  listRunApprovals: operation({
    id: 'listRunApprovals',
    method: 'GET',
    path: '/v1/runs/{run_id}/approvals',
    tag: 'approvals',
    summary: 'The questions of a run, open and ended, newest first',
    role: 'viewer',
    params: z.strictObject({ run_id: RunId }),
    query: z.strictObject({ ...page_query }),
    responses: { 200: listOf('ApprovalList', ApprovalView) },
    problems: ['not_found'],
  }),
  getApproval: operation({
    ...ofApproval,
    id: 'getApproval',
    method: 'GET',
    path: '/v1/approvals/{approval_id}',
    summary: 'A question, and how it ended',
    role: 'viewer',
    responses: { 200: ApprovalView },
    problems: ['not_found'],
  }),
  answerApproval: operation({
    ...ofApproval,
    id: 'answerApproval',
    method: 'POST',
    path: '/v1/approvals/{approval_id}',
    summary: 'Approve or reject; the same answer again changes nothing',
    role: 'member',
    body: AnswerApproval,
    responses: { 200: ApprovalView },
    problems: ['not_found', 'illegal_state', 'too_many_conflicts'],
  }),
} as const
