/** Questions of an agent to a human: asked by its runner, answered by a client, expired by whoever looks. */
import { decided } from '../domain/decision.ts'
import { decideAnswer, decideAsk, decideExpiry, type AnswerRequest, type QuestionState } from '../domain/decide/question.ts'
import { decideParkedOver } from '../domain/decide/park.ts'
import { ApprovalId } from '../domain/ids.ts'
import { expiredQuestions, questionsOf } from '../domain/questions.ts'
import { redactText } from '../domain/redact.ts'
import { ok, refuse, type Result } from '../domain/result.ts'
import { millis } from '../domain/time.ts'
import { refs } from '../store/keys.ts'
import { settle, settled, type FlowDeps } from './flow.ts'
import { loadAttached, loadCommand } from './load.ts'
import { liveRun, type RunnerIdentity } from './runner-identity.ts'
import type { Answer, Question, QuestionAnswer } from '../contract/runner-protocol.ts'
import type { Approval, OpenQuestion } from '../domain/approval.ts'
import type { WorkspaceId } from '../domain/ids.ts'
import type { Run } from '../domain/run.ts'

const answerOf = ({ approval_id, tool_use_id, answer }: OpenQuestion): readonly Answer[] =>
  answer === undefined ? [] : [{ approval_id, tool_use_id, action: answer.action, ...(answer.reason === undefined ? {} : { reason: answer.reason }) }]

/** The answers that a run's agent has to its questions. */
export const answersOf = (run: Run): readonly Answer[] => questionsOf(run).flatMap(answerOf)

/** The runner asks for its agent. The same tool use again is the same question. */
export const askQuestion = async (
  deps: FlowDeps,
  identity: RunnerIdentity,
  { tool_use_id, tool, input, reason }: Question,
): Promise<Result<QuestionAnswer>> => {
  const id = ApprovalId.parse(deps.ids.mint('approval'))
  const asked = await settle(deps, async () => {
    const live = await liveRun(deps, identity)
    if (!live.ok) return live
    const request = { id, attempt_no: identity.attempt_no, tool_use_id, tool, input: redactText(input), reason: redactText(reason) }
    return decideAsk(live.value, request, deps.deployment.question_expires_ms, deps.clock.now())
  })
  if (!asked.ok) return asked
  const [answer] = answerOf(asked.value)
  return ok({ approval_id: asked.value.approval_id, expires_at: asked.value.expires_at, ...(answer === undefined ? {} : { answer }) })
}

/** All that the end of a question may move. Undefined where somebody wrote between two reads. */
const loadState = async (deps: FlowDeps, run: Run): Promise<QuestionState | undefined> => {
  const [task, attached] = await Promise.all([deps.store.get(refs.task(run.workspace_id, run.task_id)), loadAttached(deps, run)])
  if (task === undefined) throw new Error(`${run.task_id} of ${run.id} is missing`)
  if (attached === undefined || (run.parked !== undefined) !== (task.state === 'waiting' && run.status === 'accepted')) return undefined
  return { run, task, command: await loadCommand(deps, task), approvals: attached.approvals }
}

/** The approval with an id; a refusal where the workspace has none. */
export const findApproval = async (deps: FlowDeps, workspace_id: WorkspaceId, approval_id: ApprovalId): Promise<Result<Approval>> => {
  const name = await deps.store.get(refs.approvalName(workspace_id, approval_id))
  const approval = name === undefined ? undefined : await deps.store.get(refs.approval(workspace_id, name.run_id, approval_id))
  return approval === undefined ? refuse('not_found', `no approval ${approval_id}`) : ok(approval)
}

/** A human answers. The agent hears it with its next heartbeat; a run that was parked for it takes its place in line. */
export const answerApproval = async (deps: FlowDeps, workspace_id: WorkspaceId, request: AnswerRequest): Promise<Result<Approval>> => {
  const answered = await settle(deps, async () => {
    const found = await findApproval(deps, workspace_id, request.approval_id)
    if (!found.ok) return found
    const { id, run_id } = found.value
    const run = await deps.store.get(refs.run(workspace_id, run_id))
    if (run === undefined) throw new Error(`${run_id} is missing`)
    const state = await loadState(deps, run)
    if (state === undefined) return undefined
    // Open in the run as it is now, or over: what was found before the run was read may be older than it.
    const approval = state.approvals.find((one) => one.id === id) ?? (await deps.store.get(refs.approval(workspace_id, run_id, id)))
    if (approval === undefined) throw new Error(`${id} is missing`)
    const reason = request.reason === undefined ? {} : { reason: redactText(request.reason) }
    return decideAnswer(state, approval, { ...request, ...reason }, deps.clock.now())
  })
  return answered.ok ? findApproval(deps, workspace_id, request.approval_id) : answered
}

/** Questions of a run that nobody has answered in time count as rejected. @returns the run as it is then */
export const expireQuestions = async (deps: FlowDeps, run: Run): Promise<Run> => {
  if (expiredQuestions(run, deps.clock.now()).length === 0) return run
  await settled(deps, async () => {
    const fresh = await deps.store.get(refs.run(run.workspace_id, run.id))
    if (fresh === undefined) throw new Error(`${run.id} is missing`)
    const state = await loadState(deps, fresh)
    return state === undefined ? undefined : decideExpiry(state, deps.clock.now())
  })
  return (await deps.store.get(refs.run(run.workspace_id, run.id))) ?? run
}

/** Looks at a parked run whose time has come: its questions expire, or it has waited for an input long enough. */
export const lookAtParked = async (deps: FlowDeps, run: Run): Promise<void> => {
  const now = await expireQuestions(deps, run)
  if (now.parked !== 'input') return
  await settled(deps, async () => {
    const [task, fresh] = await Promise.all([deps.store.get(refs.task(run.workspace_id, run.task_id)), deps.store.get(refs.run(run.workspace_id, run.id))])
    const due = task?.due_at !== undefined && millis(task.due_at) <= deps.clock.now()
    if (task?.state !== 'waiting' || !due || fresh?.status !== 'accepted' || fresh.parked !== 'input') return decided([], [], undefined)
    return decideParkedOver(task, fresh, deps.clock.now())
  })
}
