/** Why a task is where it is. */
import * as z from 'zod'
import { Constraint } from '../domain/explain.ts'
import { SessionId, TaskId } from '../domain/ids.ts'
import { task_states } from '../domain/task.ts'
import { Timestamp } from '../domain/time.ts'
import { named, Nothing } from './common.ts'
import { operation } from './operation.ts'

export const ExplanationView = named(
  'Explanation',
  z.object({
    task_id: TaskId,
    state: z.enum(task_states),
    /** The one thing that holds the task now: a stable `code` with its facts. */
    constraint: Constraint,
    /** What would free it, in a sentence. */
    frees: z.string(),
    /**
     * Its place in line: that of its class, or, while another attempt holds its session, that of the session. Counting stops at 1000:
     * `more` says that the line goes on, and without `position` the task stands beyond.
     */
    place: z.object({ line: z.enum(['class', 'session']), position: z.int().optional(), of: z.int(), more: z.boolean() }).optional(),
    /** Its session began with the files that another session had saved at that time. */
    forked_from: z.object({ session_id: SessionId, saved_at: Timestamp }).optional(),
  }),
)
export type ExplanationView = z.infer<typeof ExplanationView>

export const explain_operations = {
  explainTask: operation({
    id: 'explainTask',
    method: 'GET',
    path: '/v1/tasks/{task_id}/explain',
    tag: 'tasks',
    summary: 'Say what holds a task now, where it stands in line, and what would free it',
    role: 'viewer',
    params: z.strictObject({ task_id: TaskId }),
    query: Nothing,
    responses: { 200: ExplanationView },
    problems: ['not_found', 'too_many_conflicts'],
  }),
} as const
