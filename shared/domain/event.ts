/**
 * Run events: what happened to a run, gapless from 1, each written in the transaction that makes it true. An event
 * that changes the run's status carries the snapshot of that moment; the list of snapshots is read from them.
 */
import * as z from 'zod'
import { RunId, WorkspaceId } from './ids.ts'
import { Failure, run_statuses } from './run.ts'

export const event_kinds = {
  accepted: 'lifecycle',
  started: 'lifecycle',
  input_steered: 'input',
  input_dispatched: 'input',
  steer_fallback_dispatched: 'input',
  interrupted: 'control',
  approval_requested: 'control',
  approval_resolved: 'control',
  cancel_requested: 'control',
  parked: 'lifecycle',
  retry_scheduled: 'lifecycle',
  attempt_superseded: 'lifecycle',
  orphan_recovered: 'lifecycle',
  start_rejected_terminal_run: 'lifecycle',
  finished: 'lifecycle',
} as const
export type RunEventType = keyof typeof event_kinds

const event_types = Object.keys(event_kinds).filter((key): key is RunEventType => key in event_kinds)
const Payload = z.record(z.string(), z.json())

export const Snapshot = z.strictObject({
  run_id: RunId,
  /** The `seq` of the event that changed the status. */
  seq: z.int().min(1),
  status: z.enum(run_statuses),
  started_at_ms: z.int().optional(),
  ended_at_ms: z.int().optional(),
  error: Failure.optional(),
  ts: z.int(),
  payload: Payload,
})
export type Snapshot = z.infer<typeof Snapshot>

export const RunEvent = z.strictObject({
  kind: z.literal('event'),
  workspace_id: WorkspaceId,
  run_id: RunId,
  seq: z.int().min(1),
  event_type: z.enum(event_types),
  /** Milliseconds since the epoch. */
  ts: z.int(),
  payload: Payload,
  snapshot: Snapshot.omit({ run_id: true, seq: true, ts: true, payload: true }).optional(),
  version: z.int(),
})
export type RunEvent = z.infer<typeof RunEvent>

export const log_streams = ['stdout', 'stderr', 'agent', 'system'] as const
/** `prompt` the user's message; `text` the agent's words; `thinking`; `tool_call` and `tool_result` are JSON; `output` a process's bytes. */
export const log_chunk_types = ['prompt', 'text', 'thinking', 'tool_call', 'tool_result', 'output', 'notice', 'result'] as const

/** One line of the agent's own output. `seq` counts within the attempt and is the runner's, so a repeat overwrites itself. */
export const LogEntry = z.strictObject({
  seq: z.int().min(1),
  timestamp: z.int(),
  stream: z.enum(log_streams),
  chunk_type: z.enum(log_chunk_types),
  data: z.string().max(65_536),
})
export type LogEntry = z.infer<typeof LogEntry>

/** What is stored: consecutive entries of one attempt under the first one's `seq`, at most 64 KiB. */
export const LogChunk = z.strictObject({
  kind: z.literal('log'),
  workspace_id: WorkspaceId,
  run_id: RunId,
  attempt_no: z.int().min(1),
  seq: z.int().min(1),
  entries: z.array(LogEntry).min(1).max(1_000),
  version: z.int(),
})
export type LogChunk = z.infer<typeof LogChunk>
