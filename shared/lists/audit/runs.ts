/** The walk through runs: each with its session, its events and its earlier attempts. */
import { foundIf } from '../../audit/finding.ts'
import { attemptFindings, eventFindings, runFindings } from '../../audit/runs.ts'
import { holderFindings } from '../../audit/sessions.ts'
import type { Run } from '../../domain/run.ts'
import { listPartitions, recordPartition, refs } from '../../store/keys.ts'
import { merged } from '../pages.ts'
import { readNeighbours } from './read.ts'
import type { Look } from './settle.ts'
import type { AuditDeps, Walk } from './walk.ts'

/** More events or attempts than any run has. */
const history_max = 1_000

const historyOf = async ({ store }: AuditDeps, run: Run) => {
  const pk = recordPartition(run.workspace_id, run.id)
  const [events, attempts] = await Promise.all([
    store.range({ index: 'table', pk, from: 'EVENT#', to: 'EVENT#~', limit: history_max }),
    store.range({ index: 'table', pk, from: 'ATTEMPT#', to: 'ATTEMPT#~', limit: history_max }),
  ])
  return { events: events.records.filter((record) => record.kind === 'event'), attempts: attempts.records.filter((record) => record.kind === 'attempt') }
}

const lookAt = async (deps: AuditDeps, listed: Run): Promise<Look> => {
  const at = [
    refs.run(listed.workspace_id, listed.id),
    refs.session(listed.workspace_id, listed.session_id),
    refs.task(listed.workspace_id, listed.task_id),
  ] as const
  const { events, attempts } = await historyOf(deps, listed)
  const near = await readNeighbours(deps.store, at)
  const run = near.at(at[0]) ?? listed
  return {
    findings: [
      ...runFindings(run),
      ...holderFindings(run, near.at(at[1])),
      ...eventFindings(run, events),
      ...attemptFindings(run, attempts),
      ...foundIf(near.at(at[2]) === undefined, 'run_missing', run, () => `${run.id} executes ${run.task_id}, which does not exist`),
      ...near.misplaced(at),
    ],
    versions: `${near.versions(at)}\n${events.length} events, ${attempts.length} attempts`,
  }
}

export const runWalk: Walk<Run> = {
  page_size: 25,
  source: ({ store, workspace_id }) =>
    merged(
      store,
      'by_state',
      ['live', 'ok', 'error', 'timeout', 'cancelled'].map((status) => listPartitions.runsByStatus(workspace_id, status)),
      (record) => (record.kind === 'run' ? record : undefined),
      (run) => run.id,
    ),
  look: async (deps, runs) => Promise.all(runs.map(async (run) => lookAt(deps, run))),
  fresh: async ({ store }, run) => store.get(refs.run(run.workspace_id, run.id)),
}
