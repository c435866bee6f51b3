/** Reads what stands around a task, to explain what holds it, and counts its line. All of it strongly consistent. */
import { explain, whatFrees, type Constraint, type Neighbourhood } from '../domain/explain.ts'
import { turnOf } from '../domain/decide/ceiling.ts'
import { refuse, ok, type Result } from '../domain/result.ts'
import { ceilingPartition, classPartition, refs, sessionPartition } from '../store/keys.ts'
import { decisions_max, type FlowDeps } from '../flows/flow.ts'
import { fitTogether, loadCommand, loadPlace, loadTargetRun } from '../flows/load.ts'
import type { Instance, Place } from '../domain/instance.ts'
import type { TaskId, WorkspaceId } from '../domain/ids.ts'
import type { Session } from '../domain/session.ts'
import type { Task } from '../domain/task.ts'

/** Where a task stands in line. Counting stops at `line_counted_max`: `more` says that the line goes on, and without `position` the task stands beyond. */
export interface Standing {
  readonly line: 'class' | 'session'
  readonly position?: number
  readonly of: number
  readonly more: boolean
}
export interface Explanation {
  readonly task: Task
  readonly constraint: Constraint
  readonly frees: string
  readonly standing?: Standing
  readonly forked_from?: Session['forked_from']
}

const line_counted_max = 1_000

const standingOf = async (deps: FlowDeps, place: Place): Promise<Standing> => {
  const in_class = place.line === 'class'
  const pk = in_class ? classPartition(place.workspace_id, place.class_key) : sessionPartition(place.workspace_id, place.session_id)
  const start = in_class ? 'LINE#' : 'WAIT#'
  const page = await deps.store.range({ index: 'table', pk, from: start, to: `${start}~`, limit: line_counted_max })
  const before = page.records.findIndex((record) => record.kind === 'place' && record.task_id === place.task_id)
  return { line: place.line, ...(before === -1 ? {} : { position: before + 1 }), of: page.records.length, more: page.after !== undefined }
}

/** The ceiling in whose line the class has a turn, and how many stand before it, counted up to `line_counted_max`. */
const ceilingOf = async (deps: FlowDeps, instance: Instance | undefined): Promise<Neighbourhood['ceiling']> => {
  const turn = instance === undefined ? undefined : turnOf(instance)
  if (turn === undefined) return undefined
  const query = { index: 'table', pk: ceilingPartition(turn.owner), from: 'TURN#', to: refs.turn(turn).sk, limit: line_counted_max } as const
  const [record, page] = await Promise.all([deps.store.get(refs.ceiling(turn.owner)), deps.store.range(query)])
  return record === undefined ? undefined : { record, before: page.records.filter((one) => one.kind === 'turn' && one.class_key !== turn.class_key).length }
}

/** Undefined where somebody wrote between two reads, so that they do not fit together. */
const neighbourhood = async (deps: FlowDeps, task: Task): Promise<Neighbourhood | undefined> => {
  const [command, run, place, instance, agent, session, gate] = await Promise.all([
    loadCommand(deps, task),
    loadTargetRun(deps, task),
    loadPlace(deps, task),
    deps.store.get(refs.instance(task.workspace_id, task.class_key)),
    deps.store.get(refs.agent(task.workspace_id, task.agent_id)),
    deps.store.get(refs.session(task.workspace_id, task.session_id)),
    deps.store.get(refs.gate(task.workspace_id)),
  ])
  if (agent === undefined) throw new Error(`${task.agent_id} of ${task.id} is missing`)
  const ceiling = await ceilingOf(deps, instance)
  return fitTogether(task, run) ? { task, command, run, place, instance, agent, session, gate, ceiling } : undefined
}

/** What holds the task now, where it stands in line, and what would free it. */
export const explainTask = async (deps: FlowDeps, name: { readonly workspace_id: WorkspaceId; readonly task_id: TaskId }): Promise<Result<Explanation>> => {
  for (let tries = 0; tries < decisions_max; tries += 1) {
    const task = await deps.store.get(refs.task(name.workspace_id, name.task_id))
    if (task === undefined) return refuse('not_found', `no task ${name.task_id}`)
    const around = await neighbourhood(deps, task)
    if (around === undefined) continue
    const constraint = explain(around, deps.deployment, deps.clock.now())
    const standing = around.place === undefined ? undefined : await standingOf(deps, around.place)
    const forked_from = around.session?.forked_from
    return ok({
      task,
      constraint,
      frees: whatFrees(constraint),
      ...(standing === undefined ? {} : { standing }),
      ...(forked_from === undefined ? {} : { forked_from }),
    })
  }
  return refuse('too_many_conflicts', 'the task changed at each try: ask again')
}
