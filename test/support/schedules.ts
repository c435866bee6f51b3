/** A plane with one schedule, minutely unless told otherwise, and what became of its ticks. */
import { ApiKeyId, type ScheduleId } from '../../shared/domain/ids.ts'
import type { NewSchedule } from '../../shared/domain/decide/schedule.ts'
import type { Schedule, Tick } from '../../shared/domain/schedule.ts'
import type { LookDeps } from '../../shared/flows/flow.ts'
import { fireSchedule } from '../../shared/flows/schedule-fire.ts'
import { createSchedule } from '../../shared/flows/schedules.ts'
import { sweep } from '../../shared/flows/sweep.ts'
import { listTicks } from '../../shared/lists/simple.ts'
import { refs } from '../../shared/store/keys.ts'
import { testPlane, type TestPlane } from './plane.ts'

export const created_by = ApiKeyId.parse(`key_${'0'.repeat(26)}`)

export const setUp = async (changes: Partial<NewSchedule> = {}) => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const made = await createSchedule(plane.deps, plane.workspace_id, {
    agent_id: agent.id,
    cron_expr: '* * * * *',
    timezone: 'UTC',
    prompt: 'Look',
    skill_paths: [],
    overlap: 'queue',
    catchup_window_ms: 600_000,
    active: true,
    created_by,
    ...changes,
  })
  if (!made.ok) throw new Error(made.detail)
  const name = { workspace_id: plane.workspace_id, schedule_id: made.value.id }
  await plane.deliver()
  const fire = async (scheduled_at_ms = plane.deps.clock.now(), deps: LookDeps = plane.deps) => fireSchedule(deps, { ...name, scheduled_at_ms })
  return { plane, agent, name, fire }
}

export const ledger = async (plane: TestPlane, schedule_id: ScheduleId): Promise<readonly Tick[]> => {
  const rows: Tick[] = []
  let cursor: string | undefined
  do {
    const page = await listTicks(plane.deps.store, plane.workspace_id, schedule_id, { limit: 200, ...(cursor === undefined ? {} : { cursor }) })
    if (!page.ok) throw new Error(page.detail)
    rows.push(...page.value.items)
    cursor = page.value.next_cursor
  } while (cursor !== undefined)
  return rows.toReversed()
}
export const outcomes = async (plane: TestPlane, schedule_id: ScheduleId) => (await ledger(plane, schedule_id)).map(({ end }) => end.outcome)
export const stored = async (plane: TestPlane, schedule_id: ScheduleId): Promise<Schedule> => {
  const schedule = await plane.deps.store.get(refs.schedule(plane.workspace_id, schedule_id))
  if (schedule === undefined) throw new Error('no schedule')
  return schedule
}
export const swept = async (plane: TestPlane) =>
  sweep(plane.deps, (_, cause) => {
    throw cause
  })
