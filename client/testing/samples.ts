/** Records as the API shows them, for tests. Each function takes what a test wants to be different. */
import type { AgentView } from '../../shared/contract/agents.ts'
import { ApprovalView } from '../../shared/contract/approvals.ts'
import { InputView } from '../../shared/contract/inputs.ts'
import type { LogView, TaskEventBatch } from '../../shared/contract/task-logs.ts'
import { RunView, type RunEventView } from '../../shared/contract/runs.ts'
import { ScheduleView } from '../../shared/contract/schedules.ts'
import { TaskView } from '../../shared/contract/tasks.ts'
import { AgentView as AgentSchema } from '../../shared/contract/agents.ts'
import { RunId, TaskId } from '../../shared/domain/ids.ts'
import { default_policy } from '../../shared/domain/policy.ts'
import { no_usage } from '../../shared/domain/usage.ts'

const ulid = (n: number) => `01KAN8QZ${String(n).padStart(18, '0')}`
export const sample_ids = {
  workspace: `ws_${ulid(1)}`,
  agent: `agt_${ulid(2)}`,
  task: TaskId.parse(`task_${ulid(3)}`),
  run: RunId.parse(`run_${ulid(4)}`),
  schedule: `sch_${ulid(5)}`,
  approval: `apr_${ulid(6)}`,
  input: `inp_${ulid(7)}`,
  class_key: `execclass_${'0123456789abcdef'.repeat(2)}`,
  taskNo: (n: number) => TaskId.parse(`task_${ulid(1_000 + n)}`),
  apiKeyNo: (n: number) => `key_${ulid(n)}`,
  attemptNo: (n: number) => `att_${ulid(n)}`,
} as const

/** 09:00 on a Sunday, and milliseconds after it. */
export const sample_start_ms = Date.parse('2026-11-22T09:00:00.000Z')
const at = (after_ms: number) => new Date(sample_start_ms + after_ms).toISOString()

export const sampleAgent = (change: { agent_key?: string; config?: Partial<AgentView['config']> } = {}): AgentView =>
  AgentSchema.parse({
    id: sample_ids.agent,
    workspace_id: sample_ids.workspace,
    agent_key: change.agent_key ?? 'demo',
    name: 'demo',
    config: {
      runner: 'claude_code',
      provider: 'claude',
      system_prompt: '',
      workspace_dir: '/workspace/agents/demo',
      skills: [],
      allowed_tools: ['Read', 'Write'],
      concurrency: 10,
      ...change.config,
    },
    active: true,
    created_at: at(-60_000),
    updated_at: at(-60_000),
  })

export const sampleSchedule = (change: Partial<Record<keyof ScheduleView, unknown>> = {}): ScheduleView =>
  ScheduleView.parse({
    id: sample_ids.schedule,
    workspace_id: sample_ids.workspace,
    agent_id: sample_ids.agent,
    cron_expr: '0 9 * * 1-5',
    timezone: 'Europe/Berlin',
    prompt: 'Look at the queue',
    skill_paths: [],
    overlap: 'queue',
    catchup_window_ms: 600_000,
    active: true,
    next_run_at: at(23 * 3_600_000),
    last_run_at: at(-60_000),
    last_task_id: sample_ids.task,
    alarm: 'set',
    created_by: sample_ids.apiKeyNo(1),
    created_at: at(-90_000_000),
    updated_at: at(-90_000_000),
    ...change,
  })

export const sampleApproval = (change: Partial<Record<keyof ApprovalView, unknown>> = {}): ApprovalView =>
  ApprovalView.parse({
    id: sample_ids.approval,
    workspace_id: sample_ids.workspace,
    task_id: sample_ids.task,
    run_id: sample_ids.run,
    attempt_no: 1,
    state: 'open',
    tool: 'Bash',
    input: '{"command":"rm notes.txt"}',
    reason: 'Bash is not on the allowlist of this agent for this use',
    created_at: at(0),
    expires_at: at(3_600_000),
    ...change,
  })

export const sampleTask = (change: Partial<Record<keyof TaskView, unknown>> = {}): TaskView =>
  TaskView.parse({
    id: sample_ids.task,
    workspace_id: sample_ids.workspace,
    agent_id: sample_ids.agent,
    session_id: 'garden',
    execution_class_key: sample_ids.class_key,
    queue_mode: 'followup',
    state: 'queued',
    priority: 'normal',
    idempotency_key: 'k-1',
    payload: { message: 'Write a note', truncated: [], attachments: [], policy: default_policy, timeout_ms: 600_000 },
    routing: {},
    accepted_at: at(0),
    queued_at: at(0),
    usage: no_usage,
    created_at: at(0),
    updated_at: at(0),
    ...change,
  })

export const sampleRun = (change: Partial<Record<keyof RunView, unknown>> = {}): RunView =>
  RunView.parse({
    id: sample_ids.run,
    workspace_id: sample_ids.workspace,
    agent_id: sample_ids.agent,
    origin_task_id: sample_ids.task,
    status: 'running',
    session_id: 'garden',
    execution_class_key: sample_ids.class_key,
    provider: 'claude',
    exec_host: 'sandbox',
    exec_security: 'allowlist',
    exec_ask: 'off',
    runtime_type: 'gvisor',
    workspace_access: 'rw',
    network_enabled: true,
    interactive: false,
    timeout_ms: 600_000,
    attempt_no: 1,
    started_at: at(30),
    snapshot_ts: sample_start_ms + 30,
    usage: no_usage,
    delivery: 'off',
    created_at: at(20),
    updated_at: at(30),
    ...change,
  })

export const sampleLog = (seq: number, chunk_type: LogView['chunk_type'], data: string, stream: LogView['stream'] = 'agent'): LogView => ({
  task_id: sample_ids.task,
  run_id: sample_ids.run,
  attempt_no: 1,
  seq,
  timestamp: sample_start_ms + 100 * seq,
  stream,
  chunk_type,
  data,
})

export const sampleEvent = (seq: number, event_type: RunEventView['event_type'], after_ms: number, payload: RunEventView['payload'] = {}): RunEventView => ({
  run_id: sample_ids.run,
  seq,
  event_type,
  kind: 'lifecycle',
  ts: sample_start_ms + after_ms,
  payload,
})

export const sampleInput = (change: Readonly<Record<string, unknown>> = {}): InputView =>
  InputView.parse({
    id: sample_ids.input,
    workspace_id: sample_ids.workspace,
    task_id: sample_ids.task,
    run_id: sample_ids.run,
    seq: 1,
    queue_mode: 'followup',
    message: 'And now water it',
    truncated: false,
    outcome: 'queued',
    created_at: at(40),
    ...change,
  })

/** A batch whose cursors are made by the fake API. */
export const sampleBatch = (change: Partial<TaskEventBatch>): TaskEventBatch => ({
  task_id: sample_ids.task,
  logs: [],
  run_events: [],
  pending_inputs: [],
  next_log_cursor: '0',
  next_run_event_cursor: '0',
  ...change,
})
