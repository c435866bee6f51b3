/** The work of one agent: whether it has any, cancelling it, and waking its classes when the agent changes. */
import { freedDue } from '../domain/due.ts'
import { listPartitions, refs } from '../store/keys.ts'
import { isTerminalTask } from '../domain/transitions.ts'
import { cancelTask } from './cancel.ts'
import { sendSignals, type FlowDeps } from './flow.ts'
import { pagesOf } from './pages.ts'
import type { AgentId, WorkspaceId } from '../domain/ids.ts'
import type { Instance } from '../domain/instance.ts'
import type { Task } from '../domain/task.ts'

interface AgentName {
  readonly workspace_id: WorkspaceId
  readonly agent_id: AgentId
}

async function* unfinishedTasks(deps: FlowDeps, name: AgentName): AsyncGenerator<Task> {
  for (const state of ['queued', 'running', 'sleeping', 'waiting'] as const) {
    for await (const page of pagesOf(deps, 'by_state', listPartitions.tasksByState(name.workspace_id, state, false))) {
      for (const record of page) if (record.kind === 'task' && record.agent_id === name.agent_id && !isTerminalTask(record)) yield record
    }
  }
}

/** Whether any task of the agent is in line, live, asleep or waiting. */
export const agentHasWork = async (deps: FlowDeps, name: AgentName): Promise<boolean> => {
  for await (const _ of unfinishedTasks(deps, name)) return true
  return false
}

/** Cancels every unfinished task of the agent. */
export const cancelAgentWork = async (deps: FlowDeps, name: AgentName): Promise<void> => {
  for await (const task of unfinishedTasks(deps, name)) {
    const cancelled = await cancelTask(deps, { workspace_id: name.workspace_id, task_id: task.id })
    if (!cancelled.ok && cancelled.code !== 'not_found') throw new Error(`${task.id} could not be cancelled: ${cancelled.detail}`)
  }
}

/** Every class of the agent. */
async function* instancesOf(deps: FlowDeps, name: AgentName): AsyncGenerator<Instance> {
  for await (const page of pagesOf(deps, 'by_state', listPartitions.instances(name.workspace_id))) {
    for (const record of page) if (record.kind === 'instance' && record.agent_id === name.agent_id) yield record
  }
}

/**
 * An agent that was activated, deleted or given another limit may free or end what stands in line: its classes are looked at, by
 * doorbell and, should that be lost, by due time.
 */
export const wakeAgentClasses = async (deps: FlowDeps, name: AgentName): Promise<void> => {
  for await (const instance of instancesOf(deps, name)) {
    const ref = refs.instance(instance.workspace_id, instance.class_key)
    await deps.store.commit([{ op: 'add_within_limit', ref, change: { add: {}, set: { due_at: freedDue(deps.clock.now()) } }, conditions: [] }])
    await sendSignals(deps, [{ kind: 'class', workspace_id: instance.workspace_id, class_key: instance.class_key }])
  }
}
