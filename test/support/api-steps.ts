/** Steps of tests of the API: a fresh plane with an admin's key, and what is done on it again and again, in the shape of the contract. */
import type { LogEntry } from '../../shared/domain/event.ts'
import { operations } from '../../shared/contract/operations.ts'
import { storeLogs } from '../../shared/flows/runner.ts'
import { apiPlane, shaped, type ApiPlane, type Sent } from './http.ts'
import type { Deployment } from '../../shared/settings.ts'
import { secretOf, type Sandbox } from './plane.ts'

let plane: ApiPlane
let key: string

/** A new plane, which the steps are made on from now on, and the key of an admin. */
export const freshPlane = async (deployment: Partial<Deployment> = {}): Promise<{ readonly plane: ApiPlane; readonly key: string }> => {
  plane = apiPlane({ deployment })
  key = await plane.makeKey(plane.workspace_id, 'admin')
  return { plane, key }
}

export const call = async (method: string, path: string, sent: Sent = {}) => plane.call(method, path, { key, ...sent })
export const one = <T>(items: readonly T[]): T => {
  const [item] = items
  if (item === undefined || items.length !== 1) throw new Error(`${items.length} instead of 1`)
  return item
}
export const answers = {
  agent: operations.getAgent.responses[200],
  agents: operations.listAgents.responses[200],
  accepted: operations.acceptAgentCommand.responses[202],
  task: operations.getTask.responses[200],
  tasks: operations.listTasks.responses[200],
  cancelled: operations.cancelTask.responses[200],
  run: operations.getRun.responses[200],
  runs: operations.listRuns.responses[200],
  attempts: operations.listRunAttempts.responses[200],
  events: operations.listRunEvents.responses[200],
  sent: operations.sendRunInput.responses[202],
  inputs: operations.listRunInputs.responses[200],
  input: operations.getInput.responses[200],
  interaction: operations.getRunInteraction.responses[200],
  snapshots: operations.listRunSnapshots.responses[200],
  logs: operations.listTaskLogs.responses[200],
  batch: operations.streamTaskEvents.responses[200],
  key: operations.createApiKey.responses[201],
  keys: operations.listApiKeys.responses[200],
} as const

export const makeAgent = async (body: object = {}) =>
  shaped(answers.agent, await call('POST', '/v1/agents', { body: { agent_key: 'worker', config: { runner: 'process', command: ['true'] }, ...body } }), 201)
/** A command with a `hook_id` is a task of its own, whatever its session does. */
const own_task = { hook_id: 'test' }
export const accept = async (agent_id: string, body: object = {}) => {
  plane.advance(1)
  return shaped(
    answers.accepted,
    await call('POST', '/v1/tasks', { body: { agent_id, message: 'hello', ...('session_id' in body ? own_task : {}), ...body } }),
    202,
  ).task
}
export const sandboxOf = (run_id: string | undefined): Sandbox => {
  const sandbox = plane.sandboxes.findLast((candidate) => candidate.run_id === run_id)
  if (sandbox === undefined) throw new Error(`no sandbox of ${run_id}`)
  return sandbox
}
export const getTask = async (task_id: string) => shaped(answers.task, await call('GET', `/v1/tasks/${task_id}`))
/** Starts what is in line and claims the task's sandbox. */
export const start = async (task_id: string): Promise<Sandbox> => {
  await plane.deliver()
  const sandbox = sandboxOf((await getTask(task_id)).target_run_id)
  await plane.claim(sandbox)
  return sandbox
}
export const end = async (sandbox: Sandbox, word: Parameters<ApiPlane['finish']>[1] = {}) => {
  plane.advance(10)
  await plane.finish(sandbox, word)
  await plane.deliver()
}
export const entries = (...data: readonly string[]): LogEntry[] =>
  data.map((text, n) => ({ seq: n + 1, timestamp: plane.deps.clock.now(), stream: 'agent', chunk_type: 'text', data: text }))
export const write = async (sandbox: Sandbox, log: readonly LogEntry[]) =>
  storeLogs(plane.deps, { workspace_id: sandbox.workspace_id, run_id: sandbox.run_id, attempt_no: sandbox.attempt_no, secret: secretOf(sandbox) }, log)
export const walk = async <T extends { items: readonly unknown[]; next_cursor?: string | undefined }>(
  page: (cursor: string) => Promise<T>,
): Promise<T['items'][number][]> => {
  const items: T['items'][number][] = []
  for (let cursor = ''; ;) {
    const { items: found, next_cursor } = await page(cursor === '' ? '' : `&cursor=${cursor}`)
    items.push(...found)
    if (next_cursor === undefined) return items
    cursor = next_cursor
  }
}
