/** The schedules of one agent: whether any is active, and pausing them when the agent goes. */
import { listPartitions } from '../store/keys.ts'
import { pauseForAgent } from './schedules.ts'
import type { FlowDeps } from './flow.ts'
import type { AgentId, WorkspaceId } from '../domain/ids.ts'
import type { ScheduleIn } from '../domain/schedule.ts'

interface AgentName {
  readonly workspace_id: WorkspaceId
  readonly agent_id: AgentId
}

async function* activeSchedules(deps: FlowDeps, { workspace_id, agent_id }: AgentName): AsyncGenerator<ScheduleIn<'active'>> {
  let after: string | undefined
  do {
    const pk = listPartitions.schedulesByAgent(workspace_id, agent_id)
    const page = await deps.store.range({ index: 'by_agent', pk, limit: 100, newest_first: true, ...(after === undefined ? {} : { after }) })
    for (const record of page.records) if (record.kind === 'schedule' && record.status === 'active' && record.agent_id === agent_id) yield record
    after = page.after
  } while (after !== undefined)
}

/** Whether any schedule would go on submitting commands to the agent. */
export const agentHasSchedules = async (deps: FlowDeps, name: AgentName): Promise<boolean> => {
  for await (const _ of activeSchedules(deps, name)) return true
  return false
}

/**
 * Pauses every schedule of an agent that is deleted. One that this does not see yet, because the index lags, goes on with ticks that are
 * skipped as refused: no command of a deleted agent is accepted.
 */
export const pauseAgentSchedules = async (deps: FlowDeps, name: AgentName): Promise<void> => {
  for await (const schedule of activeSchedules(deps, name)) {
    const paused = await pauseForAgent(deps, { workspace_id: schedule.workspace_id, schedule_id: schedule.id })
    if (!paused.ok && paused.code !== 'not_found') throw new Error(`${schedule.id} could not be paused: ${paused.detail}`)
  }
}
