/**
 * The walk through classes: each with its live runs, its agent and the head of its line. Live runs are found by an index, which lags behind for a
 * moment after an attempt was admitted or its run has ended. A class in which that happened just now is looked at later.
 */
import { turnFindings } from '../../audit/ceilings.ts'
import { counterFindings, healthFindings, limitFindings } from '../../audit/classes.ts'
import { overdueFindings } from '../../audit/coverage.ts'
import { foundIf } from '../../audit/finding.ts'
import { placeFindings } from '../../audit/lines.ts'
import { turnOf } from '../../domain/decide/ceiling.ts'
import type { Instance } from '../../domain/instance.ts'
import { isLive, type Run } from '../../domain/run.ts'
import { millis } from '../../domain/time.ts'
import { classPartition, listPartitions, refs } from '../../store/keys.ts'
import { merged } from '../pages.ts'
import { readNeighbours } from './read.ts'
import type { Look } from './settle.ts'
import type { AuditDeps, Walk } from './walk.ts'

/** An index is behind its table for less than this: usually for a fraction of a second. */
export const index_lag_ms = 10_000
/** Two machines' clocks differ by less. */
const skew_ms = 5_000
const head_max = 50

/** Every run of the workspace with a live attempt. The deployment's capacity bounds them. */
export const liveRuns = async ({ store, workspace_id }: AuditDeps): Promise<readonly Run[]> => {
  const runs: Run[] = []
  let after: string | undefined
  do {
    const page = await store.range({
      index: 'by_state',
      pk: listPartitions.runsByStatus(workspace_id, 'live'),
      limit: 1_000,
      ...(after === undefined ? {} : { after }),
    })
    runs.push(...page.records.filter((record): record is Run => record.kind === 'run' && isLive(record.attempt)))
    after = page.after
  } while (after !== undefined)
  return runs
}

const ofClass = async (deps: AuditDeps, listed: Instance, all_live: readonly Run[]): Promise<Look> => {
  const { workspace_id, class_key } = listed
  const line = await deps.store.range({ index: 'table', pk: classPartition(workspace_id, class_key), from: 'LINE#', to: 'LINE#~', limit: head_max })
  const places = line.records.filter((record) => record.kind === 'place')
  const instance_ref = refs.instance(workspace_id, class_key)
  const agent_ref = refs.agent(workspace_id, listed.agent_id)
  const at = [instance_ref, agent_ref, ...places.flatMap((place) => [refs.place(place), refs.task(workspace_id, place.task_id)])]
  const near = await readNeighbours(deps.store, at)
  const instance = near.at(instance_ref) ?? listed
  const turn = turnOf(instance)
  const stored_turn = turn === undefined ? undefined : await deps.store.get(refs.turn(turn))
  const agent = near.at(agent_ref)
  const runs = all_live.filter((run) => run.class_key === class_key)
  const watch = deps.watch()
  return {
    findings: [
      ...counterFindings(instance, runs),
      ...healthFindings(instance),
      ...turnFindings(instance, stored_turn),
      ...limitFindings(instance, runs, skew_ms),
      ...foundIf(agent === undefined, 'agent_missing', instance, () => `${class_key} is of ${instance.agent_id}, which its workspace does not have`),
      ...overdueFindings(instance, watch),
      ...places.flatMap((place) => placeFindings(place, near.at(refs.task(workspace_id, place.task_id)), undefined)),
      ...near.misplaced(at),
    ],
    versions: [near.versions(at), ...runs.map(({ attempt }) => `${attempt.id} ${attempt.status}`).toSorted()].join('\n'),
    is_fresh: instance.last_event_at !== undefined && millis(instance.last_event_at) > watch.now_ms - index_lag_ms,
  }
}

export const classWalk: Walk<Instance> = {
  page_size: 25,
  source: ({ store, workspace_id }) =>
    merged(
      store,
      'by_state',
      [listPartitions.instances(workspace_id)],
      (record) => (record.kind === 'instance' ? record : undefined),
      (instance) => instance.class_key,
    ),
  look: async (deps, instances) => {
    const live = await liveRuns(deps)
    return Promise.all(instances.map(async (instance) => ofClass(deps, instance, live)))
  },
  fresh: async ({ store }, instance) => store.get(refs.instance(instance.workspace_id, instance.class_key)),
}
