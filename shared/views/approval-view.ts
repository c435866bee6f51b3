import type { ApprovalView } from '../contract/approvals.ts'
import type { Approval, Resolution } from '../domain/approval.ts'

const stateOf = (resolution: Resolution): ApprovalView['state'] => {
  if (resolution.kind !== 'answered') return resolution.kind
  return resolution.action === 'approve' ? 'approved' : 'rejected'
}

const endOf = ({ resolved }: Approval): Partial<ApprovalView> => {
  if (resolved === undefined) return {}
  const { at, resolution } = resolved
  const answer_reason = resolution.kind === 'expired' ? undefined : resolution.reason
  const answered_by = resolution.kind === 'answered' ? resolution.api_key_id : undefined
  return { resolved_at: at, ...(answer_reason === undefined ? {} : { answer_reason }), ...(answered_by === undefined ? {} : { answered_by }) }
}

/** A question as a client sees it. */
export const approvalView = (approval: Approval): ApprovalView => ({
  id: approval.id,
  workspace_id: approval.workspace_id,
  task_id: approval.task_id,
  run_id: approval.run_id,
  attempt_no: approval.attempt_no,
  state: approval.resolved === undefined ? 'open' : stateOf(approval.resolved.resolution),
  tool: approval.tool,
  input: approval.input,
  reason: approval.reason,
  created_at: approval.asked_at,
  expires_at: approval.expires_at,
  ...endOf(approval),
})
