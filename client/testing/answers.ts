/** What the fake API answers to each operation. */
import type { OperationId } from '../../shared/contract/operations.ts'
import type { TaskEventBatch } from '../../shared/contract/task-logs.ts'
import { problem, type FakeAnswer, type FakeRequest, type FakeState } from './exchange.ts'
import { sample_ids, sample_start_ms, sampleAgent, sampleApproval, sampleInput, sampleLog, sampleRun, sampleSchedule, sampleTask } from './samples.ts'
import { scriptOf } from './scripts.ts'
import { afterCancel, afterAnswer, afterInput } from './talk.ts'

type Answerer = (request: FakeRequest & { readonly body: Readonly<Record<string, unknown>> }, state: FakeState) => FakeAnswer

const at = (after_ms: number) => new Date(sample_start_ms + after_ms).toISOString()
const found = (body: unknown): FakeAnswer => ({ status: 200, body })
const list = (...items: unknown[]): FakeAnswer => found({ items })
const whereId =
  (name: string, id: string, body: unknown): Answerer =>
  (request) =>
    request.params[name] === id ? found(body) : problem('not_found', `There is no ${String(request.params[name])}`)

const api_key = { id: sample_ids.apiKeyNo(1), workspace_id: sample_ids.workspace, name: 'ci', role: 'member', hint: 'lk_abc', created_at: at(-90_000_000) }
const workspace = { id: sample_ids.workspace, name: 'Default', created_at: at(-90_000_000) }
const attempt = {
  ...sampleRun(),
  id: sample_ids.attemptNo(1),
  run_id: sample_ids.run,
  status: 'ok',
  strategy: 'primary',
  fencing_token: 1,
  exit_code: 0,
  started_at: at(30),
  ended_at: at(3_100),
}
const instance = {
  instance_key: sample_ids.class_key,
  workspace_id: sample_ids.workspace,
  agent_id: sample_ids.agent,
  lane: 'deploys',
  execution_class_key: sample_ids.class_key,
  status: 'healthy',
  failed_attempt_threshold: 5,
  failed_attempts: 0,
  desired_dispatch_concurrency: 1,
  limit_set_by: 'lane',
  running_attempts: 1,
  pending_attempts: 0,
  stopping_attempts: 0,
  waiting_tasks: 12,
  waiting_tasks_more: false,
  last_event_at: at(-5_000),
  created_at: at(-90_000_000),
}

const createAgent: Answerer = ({ body }) =>
  body['agent_key'] === 'taken'
    ? problem('agent_key_taken', 'Another agent has the key taken')
    : { status: 201, body: sampleAgent({ agent_key: String(body['agent_key']) }) }

const acceptCommand: Answerer = ({ body }, state) => {
  const message = String(body['message'])
  if (message.includes('sentinel:unavailable')) return problem('unavailable', 'The table does not answer')
  state.script = scriptOf(message)
  const repeat = body['idempotency_key'] === 'again'
  return { status: repeat ? 200 : 202, body: { task: sampleTask(), idempotent_hit: repeat, ...(repeat ? { idempotency_mismatch: true } : {}) } }
}

const cancelTask: Answerer = (request, state) => {
  state.script = afterCancel(state.script)
  return whereId('task_id', sample_ids.task, {
    task: sampleTask({ state: 'cancelled', finished_at: at(9) }),
    live: { run_id: sample_ids.run, attempt_no: 1, status: 'running' },
  })(request, state)
}

const answerApproval: Answerer = ({ body }, state) => {
  state.script = afterAnswer(state.script, body['action'] === 'approve')
  return found(sampleApproval({ state: body['action'] === 'approve' ? 'approved' : 'rejected', resolved_at: at(9), answer_reason: body['reason'] }))
}

const sendRunInput: Answerer = ({ body }, state) => {
  if (body['message'] === 'sentinel:refused') return problem('too_many_inputs', 'The run has 50 pending inputs')
  const input = sampleInput({ queue_mode: body['queue_mode'] ?? 'followup', message: body['message'] })
  state.script = afterInput(state.script, input)
  return { status: 202, body: { task: sampleTask(), input, outcome: input.outcome, idempotent_hit: false } }
}

/** The cursor counts the batches that were delivered; after the last one, that one again without its news. */
const events: Answerer = ({ query }, state) => {
  const cursor = Number(query['log_cursor'] ?? 0)
  const next: TaskEventBatch | undefined = state.script[cursor]
  const last = state.script.at(-1)
  if (last === undefined) return problem('not_found', 'There is no such task')
  const now = String(Math.min(cursor + 1, state.script.length))
  return found({ ...(next ?? { ...last, logs: [], run_events: [] }), next_log_cursor: now, next_run_event_cursor: now })
}

const tasks = Array.from({ length: 5 }, (_, n) => sampleTask({ id: sample_ids.taskNo(n), label: `job ${n}`, state: n === 0 ? 'running' : 'queued' }))

/** Two tasks a page, and an empty page in between, as the contract allows. */
const listTasks: Answerer = ({ query }) => {
  const from = Number(query['cursor'] ?? 0)
  if (query['cursor'] === '2' && query['state'] === undefined) return found({ items: [], next_cursor: '02' })
  const next = from + 2 < tasks.length ? { next_cursor: String(from + 2) } : {}
  return found({ items: tasks.slice(from, from + Math.min(2, Number(query['limit'] ?? 50))), ...next })
}

const tick = { schedule_id: sample_ids.schedule, decided_at: at(-60_000) }
const ticks = [
  { ...tick, tick_at: at(-60_000), outcome: 'fired', reason: 'on_time', task_id: sample_ids.task },
  { ...tick, tick_at: at(-120_000), outcome: 'skipped', reason: 'refused', refusal: { code: 'agent_inactive', detail: 'the agent is not active' } },
]
const next_ticks = {
  cron_expr: '0 9 * * 1-5',
  timezone: 'Europe/Berlin',
  items: [{ at: at(23 * 3_600_000), local_time: '2026-11-23T09:00:00+01:00' }],
  offset_changes: [{ at: '2027-03-28T01:00:00.000Z', offset_before: '+01:00', offset_after: '+02:00' }],
}
const updateSchedule: Answerer = ({ body }) =>
  found(sampleSchedule(body['active'] === false ? { active: false, paused_reason: 'by_request', next_run_at: undefined } : { ...body }))
/** Two pages of invariant 4, whose second moves at the first look; all else is well. */
const audit: Answerer = ({ query }, state) => {
  const page = { invariant: Number(query['invariant']), checked: 3, unsettled: 0, violations: [] }
  if (query['invariant'] !== '4') return found(page)
  if (query['cursor'] === undefined) return found({ ...page, next_cursor: '2' })
  state.audits += 1
  if (state.audits === 1) return found({ ...page, unsettled: 1 })
  return found({
    ...page,
    violations: [{ code: 'counters', key: 'ws_1#execclass_1 / INSTANCE', sentence: 'execclass_1 counts 1 running; there are 0 running' }],
  })
}

export const answers: Readonly<Record<OperationId, Answerer>> = {
  getHealth: () => found({ status: 'ok' }),
  getOpenApi: () => found({ openapi: '3.1.0' }),
  defaultAgentConfig: () => found({ config: sampleAgent().config }),
  createAgent,
  listAgents: ({ query }) => (query['agent_key'] === undefined || query['agent_key'] === 'demo' ? list(sampleAgent()) : list()),
  getAgent: whereId('agent_id', sample_ids.agent, sampleAgent()),
  updateAgent: whereId('agent_id', sample_ids.agent, sampleAgent()),
  deleteAgent: ({ query }) =>
    query['cancel'] === 'true' ? found({ ...sampleAgent(), deleted_at: at(0) }) : problem('agent_busy', 'The agent demo has 3 tasks in line'),
  acceptAgentCommand: acceptCommand,
  listTasks,
  getTask: whereId('task_id', sample_ids.task, sampleTask({ target_run_id: sample_ids.run })),
  cancelTask,
  explainTask: whereId('task_id', sample_ids.task, {
    task_id: sample_ids.task,
    state: 'queued',
    constraint: { code: 'class_limit', limit: 1, pending: 0, running: 1, stopping: 0, set_by: 'lane' },
    frees: 'the end of an attempt of its class, or a greater limit',
    place: { line: 'class', position: 2, of: 12, more: false },
    forked_from: { session_id: 'garden', saved_at: at(0) },
  }),
  archiveTask: whereId('task_id', sample_ids.task, sampleTask({ state: 'done', finished_at: at(9), archived_at: at(10) })),
  retryTask: (_, state) => {
    state.script = scriptOf('done')
    return found(sampleTask())
  },
  listTaskLogs: () => found({ items: [{ ...sampleLog(1, 'prompt', 'Write a note'), seq: 0 }, sampleLog(1, 'text', 'Done.')], resume_cursor: '2' }),
  streamTaskEvents: events,
  listRuns: () => list(sampleRun({ status: 'ok', ended_at: at(3_100) })),
  getRun: whereId('run_id', sample_ids.run, sampleRun()),
  listRunAttempts: () => list({ ...attempt, admitted_at: at(20), created_at: at(20) }),
  listRunSnapshots: () => list(),
  listRunEvents: () => list(),
  getRunInteraction: () => found({ run_id: sample_ids.run, state: 'working', pending_inputs: [], pending_count: 0, updated_at: at(0) }),
  listApprovals: () => list(sampleApproval()),
  listRunApprovals: () => list(sampleApproval(), sampleApproval({ state: 'expired', resolved_at: at(9) })),
  getApproval: whereId('approval_id', sample_ids.approval, sampleApproval()),
  answerApproval,
  sendRunInput,
  listRunInputs: () => list(),
  getInput: whereId('input_id', sample_ids.input, sampleInput()),
  cancelRun: whereId('run_id', sample_ids.run, { run: sampleRun({ status: 'cancelled', ended_at: at(9) }) }),
  listExecutionInstances: () => list(instance),
  getExecutionInstance: () => found(instance),
  createSchedule: ({ body }) =>
    body['cron_expr'] === 'never' ? problem('invalid_request', 'cron_expr has one field') : { status: 201, body: sampleSchedule({ ...body }) },
  draftSchedule: () => found({ ...next_ticks, offset_changes: [], sentence: 'Every weekday at 09:00, Europe/Berlin.', model: 'scripted' }),
  listSchedules: () => list(sampleSchedule()),
  getSchedule: whereId('schedule_id', sample_ids.schedule, sampleSchedule()),
  updateSchedule,
  deleteSchedule: whereId('schedule_id', sample_ids.schedule, sampleSchedule({ active: false, deleted_at: at(0) })),
  nextScheduleTicks: whereId('schedule_id', sample_ids.schedule, next_ticks),
  listScheduleTicks: () => list(...ticks),
  fireSchedule: (_, state) => {
    state.script = scriptOf('done')
    return { status: 202, body: { task: sampleTask(), idempotent_hit: false } }
  },
  updateExecutionInstance: () => found(instance),
  createWorkspace: ({ body }) => ({ status: 201, body: { ...workspace, name: String(body['name']) } }),
  listWorkspaces: () => list(workspace),
  updateWorkspace: ({ body }) => found({ workspace_id: sample_ids.workspace, max_live_attempts: body['max_live_attempts'], live_attempts: 3, counting: true }),
  killWorkspace: ({ body }) =>
    found({
      workspace_id: sample_ids.workspace,
      killed_at: at(0),
      hold: body['hold'] === true,
      complete: false,
      attempts: [{ task_id: sample_ids.task, run_id: sample_ids.run, attempt_no: 1, attempt_id: sample_ids.attemptNo(1), state: 'stopping' }],
    }),
  resumeWorkspace: () => found({ workspace_id: sample_ids.workspace }),
  createApiKey: ({ body }) => ({ status: 201, body: { api_key: { ...api_key, name: String(body['name']), role: body['role'] }, key: 'lk_secret_once' } }),
  listApiKeys: () => list(api_key, { ...api_key, id: sample_ids.apiKeyNo(2), name: 'old', revoked_at: at(-3_600_000) }),
  revokeApiKey: whereId('api_key_id', sample_ids.apiKeyNo(1), { ...api_key, revoked_at: at(0) }),
  audit,
}
