/** A ceiling with the live runs under it: it counts those that say so, and no more are admitted than it allows. */
import { ownerOf, type Ceiling, type Turn } from '../domain/ceiling.ts'
import { freePlaces } from '../domain/decide/ceiling.ts'
import { isLive, type Run } from '../domain/run.ts'
import { found, foundIf, type Finding } from './finding.ts'
import { admittedBy, type Change } from './changes.ts'
import type { Instance } from '../domain/instance.ts'

const isCounted = (run: Run, ceiling: Ceiling): boolean =>
  isLive(run.attempt) && (run.attempt.counted ?? []).some((scope) => ownerOf(scope, run.workspace_id) === ceiling.owner)

/** @param runs all live runs of the ceiling's workspace, or of all where it is the deployment's; others do not count */
export const ceilingFindings = (ceiling: Ceiling, runs: readonly Run[]): readonly Finding[] => {
  const truth = runs.filter((run) => isCounted(run, ceiling)).length
  return foundIf(
    ceiling.live !== truth,
    'ceiling_count',
    ceiling,
    () => `the ceiling of ${ceiling.owner} counts ${ceiling.live}; ${truth} live attempts are counted by it`,
  )
}

/** What makes a ceiling look at who waits for it. */
export const ceilingWatchFindings = (ceiling: Ceiling, heads: readonly Turn[]): readonly Finding[] =>
  foundIf(
    ceiling.due_at === undefined && (ceiling.counting_since !== undefined || (heads.length > 0 && freePlaces(ceiling) > 0)),
    'ceiling_unwatched',
    ceiling,
    () => `the ceiling of ${ceiling.owner} has work to do, and nothing will look at it`,
  )

/** A class that believes to have a turn waits for it. @param turn the one that it names, as it is stored */
export const turnFindings = (instance: Instance, turn: Turn | undefined): readonly Finding[] =>
  foundIf(
    instance.turn_owner !== undefined && turn === undefined,
    'turn_missing',
    instance,
    () => `${instance.class_key} waits for a turn at the ceiling of ${instance.turn_owner}, and has none`,
  )

/** @param runs as for `ceilingFindings`, right after the commit. Only who sees every commit can check this. */
export const ceilingAdmissionFindings = (changes: readonly Change[], runs: readonly Run[]): readonly Finding[] => {
  const count = admittedBy(changes).length
  return changes.flatMap(({ before, after }) => {
    if (before?.kind !== 'ceiling' || after?.kind !== 'ceiling' || count === 0) return []
    if (before.counting_since !== undefined)
      return [found('over_ceiling', after, `${after.owner} admitted ${count} while its live attempts were being counted`)]
    const live = runs.filter((run) => isLive(run.attempt) && (after.owner === 'deployment' || run.workspace_id === after.owner)).length
    const most = Math.max(after.live, live)
    return foundIf(
      most > after.limit,
      'over_ceiling',
      after,
      () => `${most} attempts are live under the ceiling of ${after.owner}, which allows ${after.limit}`,
    )
  })
}
