/** Questions of an agent to a human: asking one, answering it, and what happens when nobody does. */
import { decided, type Decision } from '../decision.ts'
import { open_questions_max, type Approval, type ApprovalAction, type OpenQuestion, type Resolution } from '../approval.ts'
import { ringRunner } from '../doorbell.ts'
import { runEvent } from '../events.ts'
import { expiredQuestions, questionsOf, resolvedQuestions } from '../questions.ts'
import { refuse, type Refusal } from '../result.ts'
import { timestamp } from '../time.ts'
import { unparked } from './park.ts'
import type { ApiKeyId, ApprovalId } from '../ids.ts'
import type { Command } from '../command.ts'
import type { Run } from '../run.ts'
import type { Task } from '../task.ts'

export interface QuestionRequest {
  readonly id: ApprovalId
  readonly attempt_no: number
  readonly tool_use_id: string
  readonly tool: string
  /** Redacted already. */
  readonly input: string
  readonly reason: string
}

/**
 * Puts a question before whoever may answer it. The same tool_use_id again is the same question, with its answer once there is one.
 * @param expires_ms how long it may stay open
 */
export const decideAsk = (run: Run, request: QuestionRequest, expires_ms: number, now_ms: number): Decision<OpenQuestion> | Refusal => {
  const { attempt_no, tool_use_id, tool } = request
  if (run.attempt.status !== 'running' || run.attempt.attempt_no !== attempt_no)
    return refuse('attempt_superseded', `attempt ${attempt_no} of ${run.id} is not the live one`)
  const questions = questionsOf(run)
  const asked = questions.find((question) => question.tool_use_id === tool_use_id)
  if (asked !== undefined) return decided([], [], asked)
  if (questions.length >= open_questions_max)
    return refuse('too_many_questions', `${run.id} has ${questions.length} questions open, the most that a run may have`)
  const question: OpenQuestion = { approval_id: request.id, tool_use_id, asked_at: timestamp(now_ms), expires_at: timestamp(now_ms + expires_ms) }
  const asking: Run = { ...run, questions: [...questions, question], event_seq: run.event_seq + 1, updated_at: timestamp(now_ms) }
  const approval: Approval = {
    kind: 'approval',
    id: request.id,
    workspace_id: run.workspace_id,
    task_id: run.task_id,
    run_id: run.id,
    attempt_no,
    tool_use_id,
    tool,
    input: request.input,
    reason: request.reason,
    asked_at: question.asked_at,
    expires_at: question.expires_at,
    version: 1,
  }
  const payload = { approval_id: approval.id, attempt_no, tool, reason: approval.reason, expires_at: approval.expires_at }
  return decided(
    [
      { op: 'replace_if_version', record: asking },
      { op: 'put_if_absent', record: runEvent(asking, 'approval_requested', now_ms, payload, false) },
      { op: 'put_if_absent', record: approval },
      { op: 'put_if_absent', record: { kind: 'approval_name', workspace_id: run.workspace_id, id: approval.id, run_id: run.id, version: 1 } },
    ],
    [],
    question,
  )
}

/** A run with questions, and all that their end may move. */
export interface QuestionState {
  readonly run: Run
  readonly task: Task
  readonly command: Command
  /** At least the records of the questions that are ended. */
  readonly approvals: readonly Approval[]
}

/** Ends some questions; a run that was parked for them goes on once none is open. */
const resolve = ({ run, task, command, approvals }: QuestionState, questions: readonly OpenQuestion[], resolution: Resolution, now_ms: number): Decision => {
  const ended = resolvedQuestions(run, approvals, questions, resolution, now_ms)
  const going = task.state === 'waiting' ? unparked(task, ended.run, command, now_ms) : { run: ended.run, writes: [], signals: [] }
  return decided(
    [{ op: 'replace_if_version', record: { ...going.run, updated_at: timestamp(now_ms) } }, ...ended.writes, ...going.writes],
    [...going.signals, ...ringRunner(run)],
    undefined,
  )
}

export interface AnswerRequest {
  readonly approval_id: ApprovalId
  readonly action: ApprovalAction
  readonly reason?: string | undefined
  /** Whose key said so. */
  readonly api_key_id?: ApiKeyId | undefined
}

const endOf = (resolution: Resolution): string => {
  switch (resolution.kind) {
    case 'answered':
      return resolution.action === 'approve' ? 'approved' : 'rejected'
    case 'expired':
      return 'expired, which counts as rejected'
    case 'withdrawn':
      return 'withdrawn: its attempt ended before an answer came'
  }
}

/** Answers a question. The same answer again changes nothing; another one, or one that comes too late, is refused. */
export const decideAnswer = (state: QuestionState, approval: Approval, request: AnswerRequest, now_ms: number): Decision | Refusal => {
  if (approval.resolved !== undefined) {
    const { resolution, at } = approval.resolved
    if (resolution.kind === 'answered' && resolution.action === request.action) return decided([], [], undefined)
    return refuse('illegal_state', `${approval.id} is not open: it was ${endOf(resolution)} at ${at}`, [
      { field: 'approval_id', message: 'is not open', value: resolution.kind === 'answered' ? resolution.action : resolution.kind, allowed: ['open'] },
    ])
  }
  const { action, reason, api_key_id } = request
  const question = questionsOf(state.run).filter((one) => one.approval_id === approval.id)
  const said = { ...(reason === undefined ? {} : { reason }), ...(api_key_id === undefined ? {} : { api_key_id }) }
  return resolve(state, question, { kind: 'answered', action, ...said }, now_ms)
}

/** Questions that nobody has answered in time count as rejected. */
export const decideExpiry = (state: QuestionState, now_ms: number): Decision => {
  const expired = expiredQuestions(state.run, now_ms)
  return expired.length === 0 ? decided([], [], undefined) : resolve(state, expired, { kind: 'expired' }, now_ms)
}
