/** A task: one accepted command, the unit a user tracks. Small and hot; what never changes is in its command. */
import * as z from 'zod'
import { Priority } from './command.ts'
import { AgentId, ClassKey, RunId, SessionId, TaskId, WorkspaceId } from './ids.ts'
import { Timestamp } from './time.ts'
import { Usage } from './usage.ts'

export const drop_reasons = ['run_materialization_failed', 'dispatch_retry_exhausted', 'queue_timeout', 'agent_deleted'] as const
export const DropReason = z.enum(drop_reasons)
export type DropReason = z.infer<typeof DropReason>

const base = {
  kind: z.literal('task'),
  id: TaskId,
  workspace_id: WorkspaceId,
  agent_id: AgentId,
  session_id: SessionId,
  class_key: ClassKey,
  command_key: z.string(),
  priority: Priority,
  label: z.string().optional(),
  /** The run that executes this task now or did last. */
  target_run_id: RunId.optional(),
  accepted_at: Timestamp,
  updated_at: Timestamp,
  /** When a queued task is dropped with `queue_timeout`. It counts from `queued_at`, so one that sleeps has none. */
  queue_timeout_at: Timestamp.optional(),
  /** When the sweep looks at this task again. Lazy: it may look too early, never too late. */
  due_at: Timestamp.optional(),
  usage: Usage.optional(),
  version: z.int(),
}

const live = { ...base, queued_at: Timestamp }
const ended = { ...base, queued_at: Timestamp.optional(), dispatched_at: Timestamp.optional(), finished_at: Timestamp, archived_at: Timestamp.optional() }

export const Task = z.discriminatedUnion('state', [
  z.strictObject({ ...base, state: z.literal('sleeping'), wake_at: Timestamp, dispatched_at: Timestamp.optional() }),
  z.strictObject({ ...live, state: z.literal('queued'), dispatched_at: Timestamp.optional() }),
  z.strictObject({ ...live, state: z.literal('running'), dispatched_at: Timestamp, target_run_id: RunId }),
  z.strictObject({ ...live, state: z.literal('waiting'), dispatched_at: Timestamp, target_run_id: RunId, archived_at: Timestamp.optional() }),
  z.strictObject({ ...ended, state: z.literal('done') }),
  z.strictObject({ ...ended, state: z.literal('error') }),
  z.strictObject({ ...ended, state: z.literal('dropped'), dropped_reason: DropReason }),
  z.strictObject({ ...ended, state: z.literal('cancelled') }),
])
export type Task = z.infer<typeof Task>
export type TaskState = Task['state']
export type TaskIn<S extends TaskState> = Extract<Task, { state: S }>

export const task_states = ['sleeping', 'queued', 'running', 'waiting', 'done', 'error', 'dropped', 'cancelled'] as const satisfies readonly TaskState[]
