/**
 * The walk through the ceiling of a workspace: one record at most, with the live runs that it counts and the head of its line. Runs are found by an
 * index that lags behind, so a workspace in which an attempt came or went just now is looked at later.
 */
import { ceilingFindings, ceilingWatchFindings } from '../../audit/ceilings.ts'
import { millis } from '../../domain/time.ts'
import { ceilingPartition, listPartitions, refs } from '../../store/keys.ts'
import type { Ceiling, Turn } from '../../domain/ceiling.ts'
import { index_lag_ms, liveRuns } from './classes.ts'
import type { Look } from './settle.ts'
import type { AuditDeps, Walk } from './walk.ts'

const head_max = 1

/** Whether an attempt of the workspace was admitted, claimed or ended so recently that the index of runs may not know it. */
const movedJustNow = async ({ store, workspace_id, watch }: AuditDeps): Promise<boolean> => {
  let after: string | undefined
  do {
    const page = await store.range({ index: 'by_state', pk: listPartitions.instances(workspace_id), limit: 1_000, ...(after === undefined ? {} : { after }) })
    const since_ms = watch().now_ms - index_lag_ms
    if (page.records.some((record) => record.kind === 'instance' && record.last_event_at !== undefined && millis(record.last_event_at) > since_ms)) return true
    after = page.after
  } while (after !== undefined)
  return false
}

const ofCeiling = async (deps: AuditDeps, listed: Ceiling): Promise<Look> => {
  const runs = await liveRuns(deps)
  const line = await deps.store.range({ index: 'table', pk: ceilingPartition(listed.owner), from: 'TURN#', to: 'TURN#~', limit: head_max })
  const heads = line.records.filter((record): record is Turn => record.kind === 'turn')
  const ceiling = (await deps.store.get(refs.ceiling(listed.owner))) ?? listed
  return {
    findings: [...ceilingFindings(ceiling, runs), ...ceilingWatchFindings(ceiling, heads)],
    versions: [ceiling.version, ...heads.map(({ rank }) => rank), ...runs.map(({ attempt }) => `${attempt.id} ${attempt.status}`).toSorted()].join('\n'),
    is_fresh: await movedJustNow(deps),
  }
}

export const ceilingWalk: Walk<Ceiling> = {
  page_size: 1,
  source:
    ({ store, workspace_id }) =>
    async () => {
      const ceiling = await store.get(refs.ceiling(workspace_id))
      return { records: ceiling === undefined ? [] : [ceiling] }
    },
  look: async (deps, ceilings) => Promise.all(ceilings.map(async (ceiling) => ofCeiling(deps, ceiling))),
  fresh: async ({ store }, ceiling) => store.get(refs.ceiling(ceiling.owner)),
}
