/** Execution instances: the stored state of each execution class. */
import * as z from 'zod'
import { AgentId, ClassKey, WorkspaceId } from '../domain/ids.ts'
import { Timestamp } from '../domain/time.ts'
import { listOf, named, Nothing, page_query } from './common.ts'
import { operation } from './operation.ts'

export const InstanceView = named(
  'ExecutionInstance',
  z.object({
    /** The same as `execution_class_key`: a class has one instance. */
    instance_key: ClassKey,
    workspace_id: WorkspaceId,
    agent_id: AgentId,
    lane: z.string().optional(),
    execution_class_key: ClassKey,
    status: z.enum(['healthy', 'warning', 'degraded']),
    failed_attempt_threshold: z.int(),
    failed_attempts: z.int(),
    /** The limit in force, and who set it: an operator, the lane (1), or the agent's `concurrency`. */
    desired_dispatch_concurrency: z.int(),
    limit_set_by: z.enum(['operator', 'lane', 'agent']),
    running_attempts: z.int(),
    pending_attempts: z.int(),
    stopping_attempts: z.int(),
    /** Tasks in this class's line. Those that wait for their session stand in the session's line and are not counted. */
    waiting_tasks: z.int(),
    /** Counting stopped at `waiting_tasks`; there are more. */
    waiting_tasks_more: z.boolean(),
    last_event_at: Timestamp.optional(),
    cooldown_until: Timestamp.optional(),
    created_at: Timestamp,
  }),
)
export type InstanceView = z.infer<typeof InstanceView>

const concurrency_max = 10_000
/** A limit of null gives it back to the lane or the agent; 0 lets nothing start. `reset` makes a degraded class healthy. */
export const UpdateInstance = z.strictObject({
  desired_dispatch_concurrency: z.int().min(0).max(concurrency_max).nullable().optional(),
  reset: z.boolean().optional(),
})
export type UpdateInstance = z.infer<typeof UpdateInstance>

export const instance_operations = {
  listExecutionInstances: operation({
    id: 'listExecutionInstances',
    method: 'GET',
    path: '/v1/execution-instances',
    tag: 'execution instances',
    summary: 'List execution instances',
    role: 'viewer',
    query: z.strictObject({ ...page_query }),
    params: Nothing,
    responses: { 200: listOf('ExecutionInstanceList', InstanceView) },
    problems: [],
  }),
  getExecutionInstance: operation({
    id: 'getExecutionInstance',
    method: 'GET',
    path: '/v1/execution-instances/{instance_key}',
    tag: 'execution instances',
    summary: 'Get an execution instance',
    role: 'viewer',
    params: z.strictObject({ instance_key: ClassKey }),
    query: Nothing,
    responses: { 200: InstanceView },
    problems: ['not_found'],
  }),
  updateExecutionInstance: operation({
    id: 'updateExecutionInstance',
    method: 'PATCH',
    path: '/v1/execution-instances/{instance_key}',
    tag: 'execution instances',
    summary: 'Set or take back the limit of an execution instance, or make a degraded one healthy; at once, and repeating it is fine',
    role: 'admin',
    params: z.strictObject({ instance_key: ClassKey }),
    query: Nothing,
    body: UpdateInstance,
    responses: { 200: InstanceView },
    problems: ['not_found', 'too_many_conflicts'],
  }),
} as const
