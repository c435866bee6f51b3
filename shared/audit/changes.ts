/** What a commit may do to a record, and an admission to a class. Only who sees every commit can check these. */
import { canonicalHash } from '../domain/canonical-json.ts'
import { isEndedRun, run_moves, task_moves } from '../domain/transitions.ts'
import { liveMost } from './classes.ts'
import { found, foundIf, type Finding } from './finding.ts'
import type { Instance } from '../domain/instance.ts'
import type { Run } from '../domain/run.ts'
import type { Session } from '../domain/session.ts'
import type { StoredRecord } from '../store/records.ts'

/** A record before and after a commit; undefined where it was not or is no more. */
export interface Change {
  readonly before: StoredRecord | undefined
  readonly after: StoredRecord | undefined
}

const isRun = (record: StoredRecord | undefined): record is Run => record?.kind === 'run'

const withoutInputs = (run: Run): string => {
  const { inputs: _, updated_at: __, version: ___, ...rest } = run
  return canonicalHash(rest)
}

/** Inputs for the next run of the task wait in the list of the one that is over. */
const isSameButInputs = (before: Run, after: Run): boolean => withoutInputs(before) === withoutInputs(after)

const runMove = (before: Run, after: Run): readonly Finding[] => {
  if (isEndedRun(before)) return foundIf(!isSameButInputs(before, after), 'illegal_move', after, () => `${after.id} was ${before.status} and was written`)
  const is_legal = before.status === after.status || run_moves[before.status].includes(after.status)
  return foundIf(!is_legal, 'illegal_move', after, () => `${after.id} went from ${before.status} to ${after.status}`)
}

const sessionMove = (before: Session, after: StoredRecord | undefined): readonly Finding[] =>
  foundIf(after?.kind !== 'session' || after.fencing_token < before.fencing_token, 'token_not_greater', before, () => `the token of ${before.id} fell`)

/** Kinds of records that never change. */
const immutable: readonly StoredRecord['kind'][] = ['event', 'attempt', 'command', 'log', 'input_name', 'approval_name', 'tick']

/** Moves that are not in the tables, tokens that fall, and changes of what never changes. */
export const changeFindings = ({ before, after }: Change): readonly Finding[] => {
  if (before?.kind === 'task' && after?.kind === 'task') {
    const is_legal = before.state === after.state || task_moves[before.state].includes(after.state)
    return foundIf(!is_legal, 'illegal_move', after, () => `${after.id} went from ${before.state} to ${after.state}`)
  }
  if (before?.kind === 'input' && before.settled !== undefined) return [found('record_changed', before, `${before.id} was settled, and was changed`)]
  if (isRun(before) && isRun(after)) return runMove(before, after)
  if (before?.kind === 'session') return sessionMove(before, after)
  if (before !== undefined && immutable.includes(before.kind)) return [found('record_changed', before, `a ${before.kind} was changed`)]
  if ((before?.kind === 'task' || isRun(before)) && after === undefined) return [found('record_changed', before, `${before.id} was deleted`)]
  return []
}

/** The runs that a commit admitted an attempt of. */
export const admittedBy = (changes: readonly Change[]): readonly Run[] =>
  changes.flatMap(({ before, after }) =>
    isRun(after) && after.attempt.status === 'pending' && (!isRun(before) || before.attempt.id !== after.attempt.id) ? [after] : [],
  )

/** @param instance the class of the run, right after the commit that admitted its attempt */
export const admissionFindings = (run: Run, instance: Instance | undefined, changes: readonly Change[]): readonly Finding[] => {
  const session = changes.find(({ after }) => after?.kind === 'session' && after.id === run.session_id)
  const token = session?.before?.kind === 'session' ? session.before.fencing_token : 0
  const most = instance === undefined ? 0 : liveMost(instance)
  const { attempt } = run
  return [
    ...foundIf((instance?.live ?? 1) > most, 'over_limit', run, () => `${instance?.live} attempts of ${run.class_key} are live, ${most} may be`),
    ...foundIf(attempt.fencing_token <= token, 'token_not_greater', run, () => `${attempt.id} got token ${attempt.fencing_token} after ${token}`),
  ]
}
