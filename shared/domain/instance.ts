/**
 * The stored state of one execution class: how many attempts it has, how many it may have, and how healthy it is.
 *
 * The class limit is a condition on the write that admits (`live < limit`), and every count changes in the transaction
 * of the attempt that it counts, so the counters equal the truth at all times.
 */
import * as z from 'zod'
import { AgentId, ClassKey, SessionId, TaskId, WorkspaceId } from './ids.ts'
import { Timestamp } from './time.ts'

export const Instance = z.strictObject({
  kind: z.literal('instance'),
  workspace_id: WorkspaceId,
  class_key: ClassKey,
  agent_id: AgentId,
  lane: z.string().optional(),
  /** The limit in force: an operator's, else 1 for a class with a lane, else the agent's `concurrency`. */
  limit: z.int().min(0),
  /** Since when that limit is in force; absent: since the class was made. */
  limit_set_at: Timestamp.optional(),
  /** Set by an operator; overrides the agent's `concurrency`. */
  desired_limit: z.int().min(0).optional(),
  pending: z.int(),
  running: z.int(),
  stopping: z.int(),
  /** pending + running + stopping: what stands against the limit. */
  live: z.int(),
  /** Attempts that failed since one succeeded. At `failed_attempt_threshold` the class is degraded. */
  failures: z.int(),
  failed_attempt_threshold: z.int().min(1),
  /** While degraded: no probe before this. */
  cooldown_until: Timestamp.optional(),
  last_event_at: Timestamp.optional(),
  /** Somebody frees room: the class must be looked at by then, whatever becomes of the doorbell. */
  due_at: Timestamp.optional(),
  created_at: Timestamp,
  version: z.int(),
})
export type Instance = z.infer<typeof Instance>

/** A place in line. In a class's line, or, while another attempt holds its session, in that session's waiting line. */
export const Place = z.strictObject({
  kind: z.literal('place'),
  line: z.enum(['class', 'session']),
  workspace_id: WorkspaceId,
  class_key: ClassKey,
  session_id: SessionId,
  agent_id: AgentId,
  lane: z.string().optional(),
  /** 0 urgent, 1 high, 2 normal, 3 low. */
  rank: z.int().min(0).max(3),
  /** Sorts by acceptance. */
  task_id: TaskId,
  version: z.int(),
})
export type Place = z.infer<typeof Place>
