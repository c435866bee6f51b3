/** What an agent said and did, and everything new about a task in one answer. */
import * as z from 'zod'
import { LogEntry } from '../domain/event.ts'
import { RunId, TaskId } from '../domain/ids.ts'
import { Cursor, named, page_query } from './common.ts'
import { InputView } from './inputs.ts'
import { operation } from './operation.ts'
import { InteractionView, RunEventView, RunView } from './runs.ts'
import { TaskView } from './tasks.ts'

/** One line of the agent's own output. `seq` counts within the attempt; the prompt, which no attempt wrote, has 0. */
export const LogView = named('Log', z.object({ task_id: TaskId, run_id: RunId, attempt_no: z.int(), ...LogEntry.shape, seq: z.int().min(0) }))
export type LogView = z.infer<typeof LogView>

export const LogList = named(
  'LogList',
  z.object({
    items: z.array(LogView),
    /** Absent where nothing more is stored now. */
    next_cursor: z.string().optional(),
    /** Always there: what is written from now on begins here. */
    resume_cursor: z.string(),
  }),
)

export const TaskEventBatch = named(
  'TaskEventBatch',
  z.object({
    task_id: TaskId,
    run_id: RunId.optional(),
    task: TaskView.optional(),
    run: RunView.optional(),
    interaction: InteractionView.optional(),
    /** Of the task's current run. */
    logs: z.array(LogView),
    run_events: z.array(RunEventView),
    pending_inputs: z.array(InputView),
    next_log_cursor: z.string(),
    next_run_event_cursor: z.string(),
  }),
)
export type TaskEventBatch = z.infer<typeof TaskEventBatch>

const params = z.strictObject({ task_id: TaskId })
const start_cursor = '0'

export const task_log_operations = {
  listTaskLogs: operation({
    id: 'listTaskLogs',
    method: 'GET',
    path: '/v1/tasks/{task_id}/logs',
    tag: 'tasks',
    summary: "What was said and done in the task's session, all of its runs in order",
    role: 'viewer',
    params,
    query: z.strictObject({ ...page_query, cursor: Cursor.default(start_cursor) }),
    responses: { 200: LogList },
    problems: ['not_found'],
  }),
  streamTaskEvents: operation({
    id: 'streamTaskEvents',
    method: 'GET',
    path: '/v1/tasks/{task_id}/events',
    tag: 'tasks',
    summary:
      'Everything new about a task since the cursors; those of another run than the current one start again at 0. With Accept: text/event-stream a redirect to where they are streamed',
    role: 'viewer',
    params,
    query: z.strictObject({ log_cursor: Cursor.default(start_cursor), run_event_cursor: Cursor.default(start_cursor), cursor_run_id: RunId.optional() }),
    responses: { 200: TaskEventBatch },
    problems: ['not_found'],
  }),
} as const
