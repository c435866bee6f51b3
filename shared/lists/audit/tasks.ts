/** The walk through tasks: each with its run, its command, its places, its class and its session. */
import { commandFindings } from '../../audit/commands.ts'
import { coverageFindings, overdueFindings } from '../../audit/coverage.ts'
import { foundIf } from '../../audit/finding.ts'
import { lineFindings } from '../../audit/lines.ts'
import { taskFindings } from '../../audit/tasks.ts'
import { placeInLine } from '../../domain/lines.ts'
import { task_states, type Task } from '../../domain/task.ts'
import { listPartitions, refs, type Ref } from '../../store/keys.ts'
import { merged } from '../pages.ts'
import { readNeighbours, type Neighbours } from './read.ts'
import type { Look } from './settle.ts'
import type { AuditDeps, Walk } from './walk.ts'

const refsOf = (task: Task) => ({
  task: refs.task(task.workspace_id, task.id),
  run: task.target_run_id === undefined ? undefined : refs.run(task.workspace_id, task.target_run_id),
  command: refs.command(task.workspace_id, task.command_key),
  agent: refs.agent(task.workspace_id, task.agent_id),
  instance: refs.instance(task.workspace_id, task.class_key),
  session: refs.session(task.workspace_id, task.session_id),
  gate: refs.gate(task.workspace_id),
  in_class: refs.place(placeInLine(task, undefined)),
  in_session: refs.place({ ...placeInLine(task, undefined), line: 'session' }),
})
const listOf = (named: ReturnType<typeof refsOf>): readonly Ref[] => Object.values(named).filter((ref) => ref !== undefined)

const lookAt = (deps: AuditDeps, listed: Task, near: Neighbours): Look => {
  const at = refsOf(listed)
  const task = near.at(at.task) ?? listed
  const places = [near.at(at.in_class), near.at(at.in_session)].filter((place) => place !== undefined)
  const run = at.run === undefined ? undefined : near.at(at.run)
  const watch = deps.watch()
  return {
    findings: [
      ...taskFindings(task, run),
      ...lineFindings(task, places),
      ...coverageFindings({ task, places, run, instance: near.at(at.instance), session: near.at(at.session), gate: near.at(at.gate) }, watch),
      ...overdueFindings(task, watch),
      ...commandFindings(task, near.at(at.command)),
      ...foundIf(near.at(at.agent) === undefined, 'agent_missing', task, () => `${task.id} names ${task.agent_id}, which its workspace does not have`),
      ...near.misplaced(listOf(at)),
    ],
    versions: near.versions(listOf(at)),
  }
}

export const taskWalk: Walk<Task> = {
  page_size: 50,
  source: ({ store, workspace_id }) =>
    merged(
      store,
      'by_state',
      [false, true].flatMap((archived) => task_states.map((state) => listPartitions.tasksByState(workspace_id, state, archived))),
      (record) => (record.kind === 'task' ? record : undefined),
      (task) => task.id,
    ),
  look: async (deps, tasks) => {
    const near = await readNeighbours(
      deps.store,
      tasks.flatMap((task) => listOf(refsOf(task))),
    )
    return tasks.map((task) => lookAt(deps, task, near))
  },
  fresh: async ({ store }, task) => store.get(refs.task(task.workspace_id, task.id)),
}
