/** The questions that a run has open: which wait for an answer, which are due, and ending some of them. */
import { runEvent } from './events.ts'
import { isEndedRun } from './transitions.ts'
import { millis, timestamp } from './time.ts'
import type { Approval, OpenQuestion, Resolution } from './approval.ts'
import type { Run } from './run.ts'
import type { Write } from '../store/store.ts'

const none: readonly OpenQuestion[] = []

export const questionsOf = (run: Run): readonly OpenQuestion[] => run.questions ?? none

/** Those that nobody has answered. */
export const openQuestions = (run: Run): readonly OpenQuestion[] => questionsOf(run).filter((question) => question.answer === undefined)

/** Those that nobody has answered in time. */
export const expiredQuestions = (run: Run, now_ms: number): readonly OpenQuestion[] =>
  openQuestions(run).filter((question) => millis(question.expires_at) <= now_ms)

/** The run with these questions and no others. */
export const withQuestions = (run: Run, questions: readonly OpenQuestion[]): Run => {
  const { questions: _, ...kept } = run
  return questions.length === 0 ? kept : { ...kept, questions: [...questions] }
}

const recordOf = (approvals: readonly Approval[], question: OpenQuestion): Approval => {
  const approval = approvals.find((one) => one.id === question.approval_id)
  if (approval === undefined || approval.resolved !== undefined) throw new Error(`${question.approval_id} is open in its run, but not in its record`)
  return approval
}

/** What an answer, or the want of one, says to the agent; undefined where nobody will hear it. */
const answerOf = (resolution: Resolution): OpenQuestion['answer'] => {
  switch (resolution.kind) {
    case 'answered':
      return { action: resolution.action, ...(resolution.reason === undefined ? {} : { reason: resolution.reason }) }
    case 'expired':
      return { action: 'reject', reason: 'nobody answered in time' }
    case 'withdrawn':
      return undefined
  }
}

/** In an event: without the key of whoever answered. */
const said = (resolution: Resolution): Record<string, string> => {
  switch (resolution.kind) {
    case 'answered':
      return { resolution: resolution.kind, action: resolution.action, ...(resolution.reason === undefined ? {} : { reason: resolution.reason }) }
    case 'expired':
      return { resolution: resolution.kind }
    case 'withdrawn':
      return { resolution: resolution.kind, reason: resolution.reason }
  }
}

/**
 * Ends open questions of a run: each record gets its resolution, each is said in an event. What the agent still waits for keeps its
 * answer in the run; what nobody waits for leaves it. @param approvals at least the records of `questions`
 */
export const resolvedQuestions = (
  run: Run,
  approvals: readonly Approval[],
  questions: readonly OpenQuestion[],
  resolution: Resolution,
  now_ms: number,
): { readonly run: Run; readonly writes: readonly Write[] } => {
  const answer = answerOf(resolution)
  let resolved = run
  const writes = questions.flatMap((question): readonly Write[] => {
    const others = questionsOf(resolved)
    const left =
      answer === undefined
        ? others.filter((one) => one.approval_id !== question.approval_id)
        : others.map((one) => (one.approval_id === question.approval_id ? { ...one, answer } : one))
    resolved = { ...withQuestions(resolved, left), event_seq: resolved.event_seq + 1 }
    return [
      { op: 'replace_if_version', record: { ...recordOf(approvals, question), resolved: { at: timestamp(now_ms), resolution } } },
      { op: 'put_if_absent', record: runEvent(resolved, 'approval_resolved', now_ms, { approval_id: question.approval_id, ...said(resolution) }, false) },
    ]
  })
  return { run: resolved, writes }
}

/**
 * The attempt ends, or its turn does, and what it asked is of no use any more; @param keeps of those that the session's saved files know,
 * because the next attempt presents them again.
 */
export const withdrawnQuestions = (
  run: Run,
  approvals: readonly Approval[],
  keeps: boolean,
  reason: Extract<Resolution, { kind: 'withdrawn' }>['reason'],
  now_ms: number,
): { readonly run: Run; readonly writes: readonly Write[] } => {
  if (run.questions === undefined) return { run, writes: [] }
  const gone = (question: OpenQuestion): boolean => !keeps || question.saved !== true
  const withdrawn = resolvedQuestions(run, approvals, openQuestions(run).filter(gone), { kind: 'withdrawn', reason }, now_ms)
  return {
    ...withdrawn,
    run: withQuestions(
      withdrawn.run,
      questionsOf(withdrawn.run).filter((question) => !gone(question)),
    ),
  }
}

/** The session's saved files end with a question of this run, which is not over: its next attempt goes on with the answer. */
export const asksStill = (run: Run): boolean => !isEndedRun(run) && questionsOf(run).some((question) => question.saved === true)

/**
 * A turn that stopped at a question goes on in the next attempt, which has the inputs that the turn had taken in its files: they stay
 * with the turn, and are not handed out again. @param run with its attempt ended
 */
export const keptForAnswer = (run: Run): Run => {
  if (run.inputs === undefined || !questionsOf(run).some((question) => question.saved === true)) return run
  const { attempt_no } = run.attempt
  const pending = run.inputs.pending.map((input) =>
    input.taken?.attempt_no === attempt_no ? { ...input, taken: { ...input.taken, attempt_no: attempt_no + 1, in_files: true as const } } : input,
  )
  return { ...run, inputs: { ...run.inputs, pending } }
}
