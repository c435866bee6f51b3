/** What must hold of questions after every commit: each ends once, and is open in its run as long as it is open. */
import { admittedBy, type Change } from '../../../shared/audit/changes.ts'
import type { Approval } from '../../../shared/domain/approval.ts'
import { isEndedRun } from '../../../shared/domain/transitions.ts'
import { asksStill, openQuestions, questionsOf } from '../../../shared/domain/questions.ts'
import type { Run } from '../../../shared/domain/run.ts'
import type { Journal } from '../../support/journal.ts'

const changedEnd = (before: Approval, after: Approval): boolean =>
  before.resolved !== undefined && JSON.stringify(before.resolved) !== JSON.stringify(after.resolved)

const ofRun = (journal: Journal, run: Run): readonly string[] => {
  const unresolved = journal.all('approval').filter((approval) => approval.run_id === run.id && approval.resolved === undefined)
  const open = openQuestions(run).map(({ approval_id }) => approval_id)
  const found: string[] = []
  if (
    [...open].toSorted().join() !==
    unresolved
      .map(({ id }) => id)
      .toSorted()
      .join()
  )
    found.push(`${run.id} has open ${open.join(', ') || 'nothing'}, and its questions ${unresolved.map(({ id }) => id).join(', ') || 'none'} are`)
  if (isEndedRun(run) && questionsOf(run).length > 0) found.push(`${run.id} is over and has questions`)
  if (run.parked === 'question' && open.length === 0) found.push(`${run.id} is parked with a question, and none is open`)
  return found
}

/** The number of the turn that goes on, or comes next. */
const turnOf = (run: Run): number => (run.inputs?.turns ?? 0) + 1

/** A turn has ended, and what was asked in it is not over. */
const outlivedTurn = (before: Run, after: Run): readonly string[] =>
  turnOf(after) > turnOf(before) && questionsOf(after).length > 0 ? [`${after.id} is at turn ${turnOf(after)}, and has questions of the one before`] : []

/** The files of a session end with a question of one run: no other goes on from there. */
const tookKeptSession = (journal: Journal, changes: readonly Change[]): readonly string[] =>
  admittedBy(changes).flatMap((run) => {
    const kept = journal
      .all('run')
      .find((one) => one.id !== run.id && one.workspace_id === run.workspace_id && one.session_id === run.session_id && asksStill(one))
    return kept === undefined ? [] : [`${run.id} was admitted in ${run.session_id}, which is kept for ${kept.id}`]
  })

export const questionWrongs = (journal: Journal, changes: readonly Change[]): readonly string[] => [
  ...tookKeptSession(journal, changes),
  ...changes.flatMap(({ before, after }) => {
    if (after?.kind === 'approval') return before?.kind === 'approval' && changedEnd(before, after) ? [`${after.id} was over, and its end was changed`] : []
    if (after?.kind !== 'run') return []
    return [...ofRun(journal, after), ...(before?.kind === 'run' ? outlivedTurn(before, after) : [])]
  }),
]
