/** The walk through sessions, which have no list of their own: by the tasks that name them. */
import { overdueFindings } from '../../audit/coverage.ts'
import { placeFindings } from '../../audit/lines.ts'
import { sessionFindings, sharedFileFindings } from '../../audit/sessions.ts'
import { sharedFileNames } from '../../domain/shared-file.ts'
import type { Session } from '../../domain/session.ts'
import type { Task } from '../../domain/task.ts'
import { refs, sessionPartition } from '../../store/keys.ts'
import { readNeighbours } from './read.ts'
import { taskWalk } from './tasks.ts'
import type { Look } from './settle.ts'
import type { AuditDeps, Walk } from './walk.ts'

/** So many of a waiting line are looked at: its head, which is served next. */
const head_max = 50

const ofSession = async (deps: AuditDeps, session: Session): Promise<Look> => {
  const { workspace_id, id, owner } = session
  const line = await deps.store.range({ index: 'table', pk: sessionPartition(workspace_id, id), from: 'WAIT#', to: 'WAIT#~', limit: head_max })
  const places = line.records.filter((record) => record.kind === 'place')
  const shared = sharedFileNames(session).map(refs.sharedFile)
  const run_ref = owner === undefined ? undefined : refs.run(workspace_id, owner.run_id)
  const at = [
    refs.session(workspace_id, id),
    ...(run_ref === undefined ? [] : [run_ref]),
    ...places.flatMap((place) => [refs.place(place), refs.task(workspace_id, place.task_id)]),
    ...shared,
  ]
  const near = await readNeighbours(deps.store, at)
  const now = near.at(refs.session(workspace_id, id)) ?? session
  return {
    findings: [
      ...sessionFindings(now, run_ref === undefined ? undefined : near.at(run_ref)),
      ...sharedFileFindings(now, near.at),
      ...[now, ...shared.map(near.at)].flatMap((record) => (record === undefined ? [] : overdueFindings(record, deps.watch()))),
      ...places.flatMap((place) => placeFindings(place, near.at(refs.task(workspace_id, place.task_id)), now)),
    ],
    versions: near.versions(at),
  }
}

/** A session that does not exist has never been granted: nothing of it can be wrong. */
const nothing: Look = { findings: [], versions: '' }

/** A page of it has as many sessions as tasks, some of them twice, because several tasks share one. */
export const sessionWalk: Walk<Task> = {
  ...taskWalk,
  look: async (deps, tasks) => {
    const sessions = await deps.store.getMany(tasks.map((task) => refs.session(task.workspace_id, task.session_id)))
    const seen = new Set<string>()
    return Promise.all(
      sessions.map(async (session) => {
        if (session === undefined || seen.has(session.id)) return nothing
        seen.add(session.id)
        return ofSession(deps, session)
      }),
    )
  },
}
