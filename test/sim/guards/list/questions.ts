/** Guards of questions to a human, and of runs that are parked with one. */
import { guardsIn, type Guard } from '../guard.ts'

const decisions = guardsIn('shared/domain/decide/question.ts', [
  {
    name: 'question.same',
    find: 'if (asked !== undefined) return decided([], [], asked)\n',
    replace: '',
    invariant: 10,
    protects: 'a use of a tool that is asked about again, because the answer was lost, is one question',
  },
  {
    name: 'question.answered-once',
    find: 'if (approval.resolved !== undefined) {',
    replace: "if (approval.resolved?.resolution.kind === 'withdrawn') {",
    invariant: 7,
    protects: 'a question that is over keeps its answer',
  },
])

const others = [
  ...guardsIn('shared/flows/questions.ts', [
    {
      name: 'question.read-after-run',
      find: 'const approval = state.approvals.find((one) => one.id === id) ?? (await deps.store.get(refs.approval(workspace_id, run_id, id)))',
      replace: 'const approval = found.value',
      invariant: 7,
      protects: 'of two who answer at once, one is told that he was too late',
    },
  ]),
  ...guardsIn('shared/domain/decide/turn.ts', [
    {
      name: 'question.turn-ends',
      find: "const withdrawn = withdrawnQuestions(ended, state.approvals ?? [], false, 'attempt_ended', now_ms)",
      replace: 'const withdrawn = { run: ended, writes: [] }',
      invariant: 10,
      protects: 'what the turn after an answer had taken waits for the next attempt, should this one die',
    },
  ]),
  ...guardsIn('shared/flows/runner.ts', [
    {
      name: 'question.expires-live',
      find: 'answersOf(await expireQuestions(deps, run))',
      replace: 'answersOf(run)',
      invariant: 12,
      protects: 'an agent that nobody answers hears so',
    },
  ]),
  ...guardsIn('shared/domain/decide/park.ts', [
    {
      name: 'park.due',
      find: "const waiting = { ...kept, state: 'waiting', due_at, updated_at: now } as const",
      replace: "const waiting = { ...kept, state: 'waiting', updated_at: now } as const",
      invariant: 1,
      protects: 'a run that waits for a human is looked at when its time is up',
    },
  ]),
  ...guardsIn('shared/domain/decide/cancel.ts', [
    {
      name: 'question.cancelled',
      find: 'const withdrawn = withdrawnQuestions(going, approvals, false, why, now_ms)',
      replace: 'const withdrawn = { run: going, writes: [] }',
      invariant: 8,
      protects: 'a cancelled run asks nothing any more',
    },
    {
      name: 'park.session-freed',
      find: 'const unkept = unkeptSession(session, run.id, now_ms)',
      replace: 'const unkept = { writes: [], signals: [] }',
      invariant: 12,
      protects: 'a session that was kept for a parked run is free when that is cancelled',
    },
  ]),
  ...guardsIn('shared/domain/decide/finish.ts', [
    {
      name: 'park.session-kept',
      find: 'const kept = asksStill(after) ? after.id : undefined',
      replace: 'const kept = undefined',
      invariant: 3,
      protects: 'nothing else goes on in a conversation that stands at an open question',
    },
  ]),
]

export const question_guards: readonly Guard[] = [...decisions, ...others]
