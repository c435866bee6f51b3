/** A thin client for tests that look at the plane from outside: plain requests, parsed as far as a test reads them. */
import * as z from 'zod'

const Task = z.looseObject({
  id: z.string(),
  state: z.string(),
  session_id: z.string(),
  target_run_id: z.string().optional(),
  priority: z.string(),
  accepted_at: z.string(),
  dispatched_at: z.string().optional(),
})
const Run = z.looseObject({
  id: z.string(),
  status: z.string(),
  origin_task_id: z.string(),
  session_id: z.string(),
  result: z.string().optional(),
  error: z.looseObject({ code: z.string() }).optional(),
})
const Attempt = z.looseObject({
  attempt_no: z.int(),
  status: z.string(),
  fencing_token: z.int(),
  admitted_at: z.string().optional(),
  started_at: z.string().optional(),
  ended_at: z.string().optional(),
  error: z.looseObject({ code: z.string() }).optional(),
})
const Instance = z.looseObject({
  instance_key: z.string(),
  running_attempts: z.int(),
  pending_attempts: z.int(),
  stopping_attempts: z.int(),
  desired_dispatch_concurrency: z.int(),
})
const RunEvent = z.looseObject({ seq: z.int(), event_type: z.string() })
const LogLine = z.looseObject({ task_id: z.string(), chunk_type: z.string(), data: z.string() })
const Schedule = z.looseObject({ id: z.string(), active: z.boolean(), alarm: z.string(), next_run_at: z.string().optional() })
const Tick = z.looseObject({ tick_at: z.string(), outcome: z.string(), reason: z.string(), task_id: z.string().optional() })
const listOf = <T extends z.ZodType>(item: T) => z.looseObject({ items: z.array(item), next_cursor: z.string().optional() })

export type TaskView = z.infer<typeof Task>
export type AttemptView = z.infer<typeof Attempt>

export interface Address {
  readonly api_url: string
  readonly api_key: string
}
export interface Answer {
  readonly status: number
  readonly body: unknown
}

export const request = async (
  address: Address,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> => {
  const response = await fetch(new URL(path, address.api_url), {
    method,
    headers: { authorization: `Bearer ${address.api_key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
}

const wanted = async <T>(schema: z.ZodType<T>, answer: Promise<Answer>, statuses: readonly number[] = [200, 201, 202]): Promise<T> => {
  const { status, body } = await answer
  if (!statuses.includes(status)) throw new Error(`${status}: ${JSON.stringify(body)}`)
  return schema.parse(body)
}

/** All items of a list, page by page. */
const all = async <T extends z.ZodType>(address: Address, path: string, item: T): Promise<z.infer<T>[]> => {
  const items: z.infer<T>[] = []
  let cursor: string | undefined
  do {
    const joined = `${path}${path.includes('?') ? '&' : '?'}limit=200${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`
    const page: { items: z.infer<T>[]; next_cursor?: string | undefined } = await wanted(listOf(item), request(address, 'GET', joined))
    items.push(...page.items)
    cursor = page.next_cursor
  } while (cursor !== undefined)
  return items
}

export const api = (address: Address) => ({
  createAgent: async (agent_key: string, config: object) =>
    wanted(z.looseObject({ id: z.string() }), request(address, 'POST', '/v1/agents', { agent_key, name: agent_key, config })),
  accept: async (body: object) =>
    wanted(
      z.looseObject({ task: Task, idempotent_hit: z.boolean(), idempotency_mismatch: z.boolean().optional() }),
      request(address, 'POST', '/v1/tasks', body),
    ),
  task: async (task_id: string) => wanted(Task, request(address, 'GET', `/v1/tasks/${task_id}`)),
  tasks: async (query: string) => all(address, `/v1/tasks${query}`, Task),
  run: async (run_id: string) => wanted(Run, request(address, 'GET', `/v1/runs/${run_id}`)),
  attempts: async (run_id: string) => all(address, `/v1/runs/${run_id}/attempts`, Attempt),
  events: async (run_id: string) => all(address, `/v1/runs/${run_id}/events`, RunEvent),
  logs: async (task_id: string) => all(address, `/v1/tasks/${task_id}/logs`, LogLine),
  instances: async () => all(address, '/v1/execution-instances', Instance),
  createSchedule: async (body: object) => wanted(Schedule, request(address, 'POST', '/v1/schedules', body), [201]),
  schedule: async (id: string) => wanted(Schedule, request(address, 'GET', `/v1/schedules/${id}`)),
  deleteSchedule: async (id: string) => wanted(Schedule, request(address, 'DELETE', `/v1/schedules/${id}`)),
  ticks: async (id: string) => all(address, `/v1/schedules/${id}/ticks`, Tick),
  cancel: async (task_id: string) => wanted(z.looseObject({}), request(address, 'POST', `/v1/tasks/${task_id}/cancel`, {})),
})
export type Api = ReturnType<typeof api>

/** Asks until the answer is there. @param within_ms after which it throws, saying what was last seen */
export const until = async <T>(what: string, ask: () => Promise<T | undefined>, within_ms: number, every_ms = 100): Promise<T> => {
  const deadline = Date.now() + within_ms
  for (;;) {
    const seen = await ask().catch((cause: unknown) => {
      if (Date.now() > deadline) throw new Error(`${what} did not come about`, { cause })
      return undefined
    })
    if (seen !== undefined) return seen
    if (Date.now() > deadline) throw new Error(`${what} did not come about within ${within_ms} ms`)
    await new Promise((resolve) => setTimeout(resolve, every_ms))
  }
}

const over = new Set(['done', 'error', 'dropped', 'cancelled'])

/** Waits until a task is over. */
export const ended = async (plane: Api, task_id: string, within_ms = 60_000): Promise<TaskView> =>
  until(
    `the end of ${task_id}`,
    async () => {
      const task = await plane.task(task_id)
      return over.has(task.state) ? task : undefined
    },
    within_ms,
  )

/** Waits until all are over. */
export const allEnded = async (plane: Api, task_ids: readonly string[], within_ms: number): Promise<readonly TaskView[]> => {
  const tasks: TaskView[] = []
  const deadline = Date.now() + within_ms
  for (const task_id of task_ids) tasks.push(await ended(plane, task_id, Math.max(1_000, deadline - Date.now())))
  return tasks
}
