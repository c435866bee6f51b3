/** The kill switch of a workspace: in bounded steps, each of which can be repeated, by whoever asks and by the sweep. */
import { decideKill, decideKillLooked, decideKillRun, decideResume, decideWoken } from '../domain/decide/kill.ts'
import { decided } from '../domain/decision.ts'
import { freedDue } from '../domain/due.ts'
import { refuse, type Refusal, type Result } from '../domain/result.ts'
import { listPartitions, refs } from '../store/keys.ts'
import { cancelTask } from './cancel.ts'
import { sendSignals, settle, settled, type FlowDeps } from './flow.ts'
import { fitTogether, loadTargetRun } from './load.ts'
import { pagesOf } from './pages.ts'
import type { Gate, Kill } from '../domain/gate.ts'
import type { WorkspaceId } from '../domain/ids.ts'
import type { Task } from '../domain/task.ts'

/** So many tasks are ended or told to stop in one step. */
export const kill_step_max = { asked: 40, swept: 400 } as const
const at_once = 8

const stopLive = async (deps: FlowDeps, task: Task, kill: Kill): Promise<boolean> =>
  settled(deps, async () => {
    const current = await deps.store.get(refs.task(task.workspace_id, task.id))
    if (current?.state !== 'running') return decided([], [], false)
    const run = await loadTargetRun(deps, current)
    if (run === undefined || !fitTogether(current, run)) return undefined
    return decideKillRun(current, run, kill, deps.clock.now())
  })

const endOne = async (deps: FlowDeps, task: Task, kill: Kill): Promise<boolean> => {
  if (task.state === 'running') return stopLive(deps, task, kill)
  const cancelled = await cancelTask(deps, { workspace_id: task.workspace_id, task_id: task.id })
  if (!cancelled.ok && cancelled.code !== 'not_found') throw new Error(`${task.id} could not be cancelled: ${cancelled.detail}`)
  return true
}

/** Ends what is unfinished, up to `max` of it. @returns whether anything is unfinished still */
const step = async (deps: FlowDeps, workspace_id: WorkspaceId, kill: Kill, max: number): Promise<boolean> => {
  const states = kill.hold ? (['running'] as const) : (['running', 'queued', 'sleeping', 'waiting'] as const)
  let acted = 0
  let left = false
  for (const state of states) {
    for await (const page of pagesOf(deps, 'by_state', listPartitions.tasksByState(workspace_id, state, false))) {
      const tasks = page.filter((record) => record.kind === 'task' && record.state === state).filter((record) => record.kind === 'task')
      if (tasks.length > 0) left = true
      for (let start = 0; start < tasks.length && acted < max; start += at_once) {
        const ended = await Promise.all(tasks.slice(start, start + at_once).map(async (task) => endOne(deps, task, kill)))
        acted += ended.filter(Boolean).length
      }
      if (acted >= max) return true
    }
  }
  return left
}

/** Goes on with a kill that is not complete. */
export const carryOnKill = async (deps: FlowDeps, workspace_id: WorkspaceId, max: number): Promise<Kill | undefined> => {
  const began_ms = deps.clock.now()
  const gate = await deps.store.get(refs.gate(workspace_id))
  if (gate?.kill === undefined || gate.kill.completed_at !== undefined) return gate?.kill
  const left = await step(deps, workspace_id, gate.kill, max)
  return settled(deps, async () => decideKillLooked(await deps.store.get(refs.gate(workspace_id)), began_ms, left, deps.clock.now()))
}

/** Shuts the gate and takes the first step. Repeat it until the kill is complete; the sweep does so too. */
export const killWorkspace = async (deps: FlowDeps, request: { readonly workspace_id: WorkspaceId; readonly hold: boolean }): Promise<Result<Kill>> => {
  const { workspace_id, hold } = request
  const killed = await settle(deps, async () => decideKill(workspace_id, await deps.store.get(refs.gate(workspace_id)), hold, deps.clock.now()))
  if (!killed.ok) return killed
  return { ok: true, value: (await carryOnKill(deps, workspace_id, kill_step_max.asked)) ?? killed.value }
}

/** After a resume, looks at every class: what was held stands in its line still. A class is due in the same write that wakes it. */
const wakeClasses = async (deps: FlowDeps, workspace_id: WorkspaceId): Promise<void> => {
  for await (const page of pagesOf(deps, 'by_state', listPartitions.instances(workspace_id))) {
    const instances = page.filter((record) => record.kind === 'instance')
    for (const { class_key } of instances) {
      const ref = refs.instance(workspace_id, class_key)
      await deps.store.commit([{ op: 'add_within_limit', ref, change: { add: {}, set: { due_at: freedDue(deps.clock.now()) } }, conditions: [] }])
    }
    await sendSignals(
      deps,
      instances.map(({ class_key }) => ({ kind: 'class', workspace_id, class_key })),
    )
  }
  await settled(deps, async () => decideWoken(await deps.store.get(refs.gate(workspace_id)), deps.clock.now()))
}

/** Opens the gate and looks at every class of the workspace. Repeating it is fine. */
export const resumeWorkspace = async (deps: FlowDeps, workspace_id: WorkspaceId): Promise<Result<undefined>> => {
  const resumed = await settle(deps, async () => decideResume(await deps.store.get(refs.gate(workspace_id)), deps.clock.now()))
  if (resumed.ok) await lookAtGate(deps, workspace_id)
  return resumed
}

/** Looks at a gate that is due: goes on with whatever was begun. */
export const lookAtGate = async (deps: FlowDeps, workspace_id: WorkspaceId): Promise<void> => {
  const gate = await deps.store.get(refs.gate(workspace_id))
  if (gate?.kill !== undefined) await carryOnKill(deps, workspace_id, kill_step_max.swept)
  else if (gate?.waking === true) await wakeClasses(deps, workspace_id)
}

/** What a command meets in a workspace that was killed. */
export const refuseKilled = async (deps: FlowDeps, workspace_id: WorkspaceId): Promise<Refusal | undefined> => {
  const gate = await deps.store.get(refs.gate(workspace_id))
  return gate === undefined ? undefined : refusalOf(gate)
}

/** What a gate answers to new work; undefined where it is open. */
export const refusalOf = ({ kill }: Gate): Refusal | undefined =>
  kill === undefined ? undefined : refuse('workspace_killed', `the workspace was killed at ${kill.killed_at}: it takes no work until it is resumed`)
