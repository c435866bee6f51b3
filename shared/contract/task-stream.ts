/**
 * The stream of a task's events: `GET /v1/tasks/{task_id}/events` with `Accept: text/event-stream`, at the address that
 * `GET /v1/health` names as `stream_url`. Its events are
 *
 *     batch  a TaskEventBatch, whenever there is news
 *     end    the task is over and all was sent; nothing follows
 *
 * Each has an id. A reader that comes back with it in `Last-Event-ID` gets what followed, without a gap and without a repeat, across
 * retries and new runs of the task too; after `end`, and while the task stays over, it gets 204: there is no need to come again. A
 * stream without `end` was broken off: come again after the time that it named in `retry`.
 */
import * as z from 'zod'
import { TaskId } from '../domain/ids.ts'
import { terminal_task_states } from '../domain/transitions.ts'
import { named } from './common.ts'

export const event_stream_type = 'text/event-stream'

export const StreamEnd = named('StreamEnd', z.object({ task_id: TaskId, state: z.enum(terminal_task_states) }))
export type StreamEnd = z.infer<typeof StreamEnd>

/** A comment comes at least this often: a reader that hears nothing for much longer has lost its connection. */
export const stream_heartbeat_ms = 10_000
