/** Tasks: one accepted command each, the unit a user tracks. */
import * as z from 'zod'
import { CommandParams, InputProvenance, Priority, Routing } from '../domain/command.ts'
import { AgentId, ClassKey, RunId, SessionId, TaskId, WorkspaceId } from '../domain/ids.ts'
import { Policy } from '../domain/policy.ts'
import { DropReason, task_states } from '../domain/task.ts'
import { Timestamp } from '../domain/time.ts'
import { Usage } from '../domain/usage.ts'
import { listOf, named, Nothing, page_query, QueryFlag } from './common.ts'
import { InputView } from './inputs.ts'
import { operation } from './operation.ts'

/**
 * The command as it was accepted, redacted. Long texts are cut (`truncated` names them), and of an attachment only its name
 * and size are shown (no size where the command was too large for the table).
 */
export const TaskPayload = z.object({
  message: z.string(),
  extra_system_prompt: z.string().optional(),
  truncated: z.array(z.enum(['message', 'extra_system_prompt'])),
  attachments: z.array(z.object({ name: z.string(), encoding: z.enum(['text', 'base64']), size_bytes: z.int().optional() })),
  policy: Policy,
  timeout_ms: z.int(),
  session_key: z.string().optional(),
  fork_from: z.object({ session_id: SessionId }).optional(),
  lane: z.string().optional(),
  hook_id: z.string().optional(),
  not_before: z.string().optional(),
  queue_timeout_ms: z.int().optional(),
  budget_usd: z.number().optional(),
  spawned_by: z.string().optional(),
  input_provenance: z.partialRecord(InputProvenance.keyof(), z.string().optional()).optional(),
})

export const TaskView = named(
  'Task',
  z.object({
    id: TaskId,
    workspace_id: WorkspaceId,
    agent_id: AgentId,
    session_id: SessionId,
    execution_class_key: ClassKey,
    queue_mode: z.enum(['followup']),
    state: z.enum(task_states),
    priority: Priority,
    idempotency_key: z.string(),
    payload: TaskPayload,
    routing: z.partialRecord(Routing.keyof(), z.string().optional()),
    parent_task_id: TaskId.optional(),
    target_run_id: RunId.optional(),
    label: z.string().optional(),
    metadata: z.record(z.string(), z.string()).optional(),
    dropped_reason: DropReason.optional(),
    wake_at: Timestamp.optional(),
    accepted_at: Timestamp,
    queued_at: Timestamp.optional(),
    dispatched_at: Timestamp.optional(),
    finished_at: Timestamp.optional(),
    archived_at: Timestamp.optional(),
    usage: Usage,
    created_at: Timestamp,
    updated_at: Timestamp,
  }),
)
export type TaskView = z.infer<typeof TaskView>

/** What was live when a cancel arrived. */
export const LiveAttempt = named(
  'LiveAttempt',
  z.object({ run_id: RunId, attempt_no: z.int(), status: z.enum(['pending', 'running', 'stopping', 'ok', 'error', 'timeout', 'cancelled']) }),
)

export const AcceptedTask = named(
  'AcceptedTask',
  z.object({
    task: TaskView,
    /** The task was there already, under the same agent and idempotency key. */
    idempotent_hit: z.boolean(),
    /** There, and the body of this request is another one. Absent where they are equal. */
    idempotency_mismatch: z.boolean().optional(),
    /** The session had a live run of the agent: the command became an input of it, and `task` is that run's. */
    input: InputView.optional(),
  }),
)
export const CancelledTask = named('CancelledTask', z.object({ task: TaskView, live: LiveAttempt.optional() }))

const params = z.strictObject({ task_id: TaskId })

export const task_operations = {
  acceptAgentCommand: operation({
    id: 'acceptAgentCommand',
    method: 'POST',
    path: '/v1/tasks',
    tag: 'tasks',
    summary: 'Accept a command exactly once; 200 if it was accepted before',
    role: 'member',
    body: CommandParams,
    params: Nothing,
    query: Nothing,
    responses: { 202: AcceptedTask, 200: AcceptedTask },
    problems: [
      'not_found',
      'session_exists',
      'checkpoint_missing',
      'agent_inactive',
      'workspace_killed',
      'policy_unsupported',
      'sandbox_unavailable',
      'runner_unsupported',
      'provider_unsupported',
      'size_unavailable',
      'feature_unsupported',
      'too_many_conflicts',
    ],
  }),
  listTasks: operation({
    id: 'listTasks',
    method: 'GET',
    path: '/v1/tasks',
    tag: 'tasks',
    summary: 'List tasks, newest first, by any combination of filters',
    role: 'viewer',
    query: z.strictObject({
      state: z.enum(task_states).optional(),
      agent_id: AgentId.optional(),
      session_id: SessionId.optional(),
      label: z.string().trim().min(1).max(200).optional(),
      archived: QueryFlag,
      ...page_query,
    }),
    params: Nothing,
    responses: { 200: listOf('TaskList', TaskView) },
    problems: [],
  }),
  getTask: operation({
    id: 'getTask',
    method: 'GET',
    path: '/v1/tasks/{task_id}',
    tag: 'tasks',
    summary: 'Get a task',
    role: 'viewer',
    params,
    query: Nothing,
    responses: { 200: TaskView },
    problems: ['not_found'],
  }),
  cancelTask: operation({
    id: 'cancelTask',
    method: 'POST',
    path: '/v1/tasks/{task_id}/cancel',
    tag: 'tasks',
    summary: 'Cancel a task in any state that is not terminal; repeating it is fine',
    role: 'member',
    params,
    body: Nothing,
    query: Nothing,
    responses: { 200: CancelledTask },
    problems: ['not_found', 'illegal_state', 'too_many_conflicts'],
  }),
  archiveTask: operation({
    id: 'archiveTask',
    method: 'POST',
    path: '/v1/tasks/{task_id}/archive',
    tag: 'tasks',
    summary: 'Put a terminal or waiting task out of sight; repeating it is fine',
    role: 'member',
    params,
    body: Nothing,
    query: Nothing,
    responses: { 200: TaskView },
    problems: ['not_found', 'illegal_state', 'too_many_conflicts'],
  }),
  retryTask: operation({
    id: 'retryTask',
    method: 'POST',
    path: '/v1/tasks/{task_id}/retry',
    tag: 'tasks',
    summary: 'Queue a terminal task again; it gets a new run in the same session',
    role: 'member',
    params,
    body: Nothing,
    query: Nothing,
    responses: { 200: TaskView },
    problems: ['not_found', 'illegal_state', 'agent_inactive', 'workspace_killed', 'too_many_conflicts'],
  }),
} as const
