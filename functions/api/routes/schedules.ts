/** Schedules: create, list, get, update, delete, what comes next, what became of the ticks, fire now. */
import { operations } from '../../../shared/contract/operations.ts'
import { nextTicks } from '../../../shared/domain/cron-ticks.ts'
import { ok, refuse, type Result } from '../../../shared/domain/result.ts'
import type { Schedule } from '../../../shared/domain/schedule.ts'
import { createSchedule, deleteSchedule, fireNow, loadSchedule, updateSchedule } from '../../../shared/flows/schedules.ts'
import { listSchedules, listTicks } from '../../../shared/lists/simple.ts'
import { scheduleView, tickView } from '../../../shared/views/schedule-view.ts'
import { taskView } from '../../../shared/views/task-view.ts'
import { text_max } from '../../../shared/views/text.ts'
import type { HttpRoute } from '../../middleware/http-handler.ts'
import { bodyRoute, route } from '../../middleware/route.ts'
import type { ApiDeps } from '../deps.ts'

const shown = (schedule: Result<Schedule>) => (schedule.ok ? ok({ status: 200, body: scheduleView(schedule.value) } as const) : schedule)
const noSchedule = (schedule_id: string) => refuse('not_found', `no schedule ${schedule_id}`)

const create = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.createSchedule, async ({ body }, { workspace_id, key_id }) => {
    const created = await createSchedule(deps, workspace_id, { ...body, created_by: key_id })
    return created.ok ? ok({ status: 201, body: scheduleView(created.value) }) : created
  })

const list = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.listSchedules, async ({ query: { agent_id, ...page } }, { workspace_id }) => {
    const listed = await listSchedules(deps.store, workspace_id, agent_id, page)
    return listed.ok ? ok({ status: 200, body: { ...listed.value, items: listed.value.items.map(scheduleView) } }) : listed
  })

const get = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.getSchedule, async ({ params: { schedule_id } }, { workspace_id }) => {
    const schedule = await loadSchedule(deps, { workspace_id, schedule_id })
    return shown(schedule === undefined ? noSchedule(schedule_id) : ok(schedule))
  })

const update = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.updateSchedule, async ({ params: { schedule_id }, body }, { workspace_id }) =>
    shown(await updateSchedule(deps, { workspace_id, schedule_id }, body)),
  )

const remove = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.deleteSchedule, async ({ params: { schedule_id } }, { workspace_id }) =>
    shown(await deleteSchedule(deps, { workspace_id, schedule_id })),
  )

const next = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.nextScheduleTicks, async ({ params: { schedule_id }, query: { count } }, { workspace_id }) => {
    const schedule = await loadSchedule(deps, { workspace_id, schedule_id })
    if (schedule === undefined) return noSchedule(schedule_id)
    const ticks = nextTicks(schedule, deps.clock.now(), count)
    return ticks.ok ? ok({ status: 200, body: ticks.value }) : ticks
  })

const ledger = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.listScheduleTicks, async ({ params: { schedule_id }, query }, { workspace_id }) => {
    if ((await loadSchedule(deps, { workspace_id, schedule_id })) === undefined) return noSchedule(schedule_id)
    const listed = await listTicks(deps.store, workspace_id, schedule_id, query)
    return listed.ok ? ok({ status: 200, body: { ...listed.value, items: listed.value.items.map(tickView) } }) : listed
  })

const fire = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.fireSchedule, async ({ params: { schedule_id }, body: { idempotency_key } }, { workspace_id }) => {
    const fired = await fireNow(deps, { workspace_id, schedule_id }, idempotency_key)
    if (!fired.ok) return fired
    const { task, command, idempotent_hit } = fired.value
    deps.metrics.count(idempotent_hit ? 'idempotent_hit' : 'task_accepted')
    return ok({ status: idempotent_hit ? 200 : 202, body: { task: taskView(task, command, text_max.one), idempotent_hit } })
  })

export const scheduleRoutes = (deps: ApiDeps): readonly HttpRoute[] => [create, list, get, update, remove, next, ledger, fire].map((make) => make(deps))
