/** The walk through inputs, which have no list of their own: by their tasks, each with its latest run. */
import { inputFindings } from '../../audit/inputs.ts'
import type { Task } from '../../domain/task.ts'
import { recordPartition, refs } from '../../store/keys.ts'
import { readNeighbours } from './read.ts'
import type { Look } from './settle.ts'
import { taskWalk } from './tasks.ts'
import type { AuditDeps, Walk } from './walk.ts'

/** So many of a task are looked at. */
const inputs_max = 2_000

const lookAt = async (deps: AuditDeps, listed: Task): Promise<Look> => {
  const { workspace_id, id, target_run_id } = listed
  const run_ref = target_run_id === undefined ? undefined : refs.run(workspace_id, target_run_id)
  const at = [refs.task(workspace_id, id), ...(run_ref === undefined ? [] : [run_ref])]
  const page = await deps.store.range({ index: 'table', pk: recordPartition(workspace_id, id), from: 'INPUT#', to: 'INPUT#~', limit: inputs_max })
  const inputs = page.records.filter((record) => record.kind === 'input')
  const near = await readNeighbours(deps.store, at)
  const task = near.at(refs.task(workspace_id, id)) ?? listed
  return {
    findings: page.after === undefined ? inputFindings(task, run_ref === undefined ? undefined : near.at(run_ref), inputs) : [],
    versions: [near.versions(at), ...inputs.map((input) => `${input.id} ${input.version}`)].join('\n'),
  }
}

export const inputWalk: Walk<Task> = {
  ...taskWalk,
  page_size: 25,
  look: async (deps, tasks) => Promise.all(tasks.map(async (task) => lookAt(deps, task))),
}
