/** The kill switch of a workspace. */
import * as z from 'zod'
import { AttemptId, RunId, TaskId, WorkspaceId } from '../domain/ids.ts'
import { Timestamp } from '../domain/time.ts'
import { named, Nothing, page_query } from './common.ts'
import { operation } from './operation.ts'

/**
 * An attempt that the kill has found live. From then on nothing that it sends changes anything. `stopped`: compute itself has said that
 * its sandbox is gone. `stopping`: not yet. `unknown`: the attempt has ended, but compute did not say so: its lease ran out before.
 */
export const KilledAttemptView = named(
  'KilledAttempt',
  z.object({ task_id: TaskId, run_id: RunId, attempt_no: z.int(), attempt_id: AttemptId, state: z.enum(['stopped', 'stopping', 'unknown']) }),
)
export type KilledAttemptView = z.infer<typeof KilledAttemptView>

export const KillView = named(
  'Kill',
  z.object({
    workspace_id: WorkspaceId,
    killed_at: Timestamp,
    hold: z.boolean(),
    /** Nothing of the workspace is live and, unless held, nothing waits; and nothing that was under way can still come. */
    complete: z.boolean(),
    completed_at: Timestamp.optional(),
    attempts: z.array(KilledAttemptView),
    next_cursor: z.string().optional(),
  }),
)
export type KillView = z.infer<typeof KillView>

/** `killed_at`: goes on with the kill of that time, and is refused if the workspace was resumed since. */
export const KillWorkspace = z.strictObject({ hold: z.boolean().default(false), killed_at: Timestamp.optional() })

const params = z.strictObject({ workspace_id: WorkspaceId })

export const kill_operations = {
  killWorkspace: operation({
    id: 'killWorkspace',
    method: 'POST',
    path: '/v1/workspaces/{workspace_id}/kill',
    tag: 'workspaces and keys',
    summary: 'Stop all work of a workspace, cancel what waits unless it is held, and take none until it is resumed; repeat it to see how far it is',
    role: 'admin',
    params,
    query: z.strictObject({ ...page_query }),
    body: KillWorkspace,
    responses: { 200: KillView },
    problems: ['not_found', 'illegal_state', 'too_many_conflicts'],
  }),
  resumeWorkspace: operation({
    id: 'resumeWorkspace',
    method: 'POST',
    path: '/v1/workspaces/{workspace_id}/resume',
    tag: 'workspaces and keys',
    summary: 'Let a workspace that was killed take and start work again; repeating it is fine',
    role: 'admin',
    params,
    query: Nothing,
    body: Nothing,
    responses: { 200: named('ResumedWorkspace', z.object({ workspace_id: WorkspaceId })) },
    problems: ['not_found', 'too_many_conflicts'],
  }),
} as const
