/** Tasks: list, get, cancel, archive, retry, logs, events. */
import { operations } from '../../../shared/contract/operations.ts'
import { event_stream_type } from '../../../shared/contract/task-stream.ts'
import type { TaskView } from '../../../shared/contract/tasks.ts'
import type { TaskId, WorkspaceId } from '../../../shared/domain/ids.ts'
import { ok, refuse, type Result } from '../../../shared/domain/result.ts'
import type { Task } from '../../../shared/domain/task.ts'
import { archiveTask } from '../../../shared/flows/archive.ts'
import { cancelTask } from '../../../shared/flows/cancel.ts'
import { loadCommand } from '../../../shared/flows/load.ts'
import { retryTask } from '../../../shared/flows/retry.ts'
import { listSessionLogs } from '../../../shared/lists/logs.ts'
import { taskEventBatch } from '../../../shared/lists/task-events.ts'
import { listTasks } from '../../../shared/lists/tasks.ts'
import { refs } from '../../../shared/store/keys.ts'
import { taskView } from '../../../shared/views/task-view.ts'
import { text_max } from '../../../shared/views/text.ts'
import type { HttpRoute } from '../../middleware/http-handler.ts'
import { bodyRoute, route } from '../../middleware/route.ts'
import type { ApiDeps } from '../deps.ts'

const find = async (deps: ApiDeps, workspace_id: WorkspaceId, task_id: TaskId): Promise<Result<Task>> => {
  const task = await deps.store.get(refs.task(workspace_id, task_id))
  return task === undefined ? refuse('not_found', `no task ${task_id}`) : ok(task)
}
const view = async (deps: ApiDeps, task: Task): Promise<TaskView> => taskView(task, await loadCommand(deps, task), text_max.one)
const shown = async (deps: ApiDeps, task: Result<Task>) => (task.ok ? ok({ status: 200, body: await view(deps, task.value) } as const) : task)

const list = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.listTasks, async ({ query: { limit, cursor, ...filters } }, { workspace_id }) => {
    const listed = await listTasks(deps.store, workspace_id, filters, { limit, cursor })
    if (!listed.ok) return listed
    return ok({ status: 200, body: { ...listed.value, items: listed.value.items.map(({ task, command }) => taskView(task, command, text_max.listed)) } })
  })

const get = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.getTask, async ({ params }, { workspace_id }) => shown(deps, await find(deps, workspace_id, params.task_id)))

const cancel = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.cancelTask, async ({ params: { task_id } }, { workspace_id }) => {
    const cancelled = await cancelTask(deps, { workspace_id, task_id })
    if (!cancelled.ok) return cancelled
    const { task, live } = cancelled.value
    return ok({ status: 200, body: { task: await view(deps, task), ...(live === undefined ? {} : { live }) } })
  })

const archive = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.archiveTask, async ({ params: { task_id } }, { workspace_id }) => shown(deps, await archiveTask(deps, { workspace_id, task_id })))

const retry = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.retryTask, async ({ params: { task_id } }, { workspace_id }) => shown(deps, await retryTask(deps, { workspace_id, task_id })))

const logs = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.listTaskLogs, async ({ params: { task_id }, query: { limit, cursor } }, { workspace_id }) => {
    const task = await find(deps, workspace_id, task_id)
    if (!task.ok) return task
    const page = await listSessionLogs(deps.store, task.value, limit, cursor, deps.clock.now())
    return page.ok ? ok({ status: 200, body: { ...page.value, items: [...page.value.items] } }) : page
  })

const batch = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.streamTaskEvents, async ({ params: { task_id }, query }, { workspace_id }) => {
    const task = await find(deps, workspace_id, task_id)
    if (!task.ok) return task
    const found = await taskEventBatch(deps.store, task.value, query, deps.clock.now())
    return found.ok ? ok({ status: 200, body: found.value }) : found
  })

/** One batch; whoever wants a stream is sent where streams are, since an HTTP API answers in one piece. */
const events = (deps: ApiDeps): HttpRoute => {
  const polled = batch(deps)
  return {
    ...polled,
    serve: async (event, trace) => {
      if (!(event.headers['accept'] ?? '').includes(event_stream_type)) return polled.serve(event, trace)
      trace.operation = operations.streamTaskEvents.id
      const { path } = event.requestContext.http
      const location = `${deps.stream_url}${path}${event.rawQueryString === '' ? '' : `?${event.rawQueryString}`}`
      return { ok: true, status: 307, body: { stream_url: deps.stream_url }, headers: { location } }
    },
  }
}

export const taskRoutes = (deps: ApiDeps): readonly HttpRoute[] => [list, get, cancel, archive, retry, logs, events].map((make) => make(deps))
