/**
 * The gate of a workspace: what stands between all of its work and a start, whatever its classes allow. A workspace that was never
 * held up has none.
 */
import * as z from 'zod'
import { AttemptId, RunId, TaskId, WorkspaceId } from './ids.ts'
import { second_ms, Timestamp } from './time.ts'

/** The workspace was killed: nothing starts, what is live is stopped, and unless it is held, what waits is cancelled. */
export const Kill = z.strictObject({
  killed_at: Timestamp,
  /** What waits keeps its place, and goes on when the workspace is resumed. */
  hold: z.boolean(),
  /** Nothing was left at a look that began long enough after the kill. */
  completed_at: Timestamp.optional(),
})
export type Kill = z.infer<typeof Kill>

export const Gate = z.strictObject({
  kind: z.literal('gate'),
  workspace_id: WorkspaceId,
  kill: Kill.optional(),
  /** The workspace was resumed, and its classes are still to be looked at. */
  waking: z.boolean(),
  due_at: Timestamp.optional(),
  created_at: Timestamp,
  updated_at: Timestamp,
  version: z.int(),
})
export type Gate = z.infer<typeof Gate>

/** An attempt that a kill has found live: what the answer to the kill is made of. */
export const KilledAttempt = z.strictObject({
  kind: z.literal('killed_attempt'),
  workspace_id: WorkspaceId,
  killed_at: Timestamp,
  task_id: TaskId,
  run_id: RunId,
  attempt_no: z.int().min(1),
  attempt_id: AttemptId,
  version: z.int(),
})
export type KilledAttempt = z.infer<typeof KilledAttempt>

/**
 * Whoever looked at the gate before it was shut has committed what it began by then: no handler lives longer than half of this, and the
 * indexes by which work is found are up to date long before.
 */
export const gate_shut_after_ms = 60 * second_ms

/** How often a kill that is not complete is taken up again, should nobody ask for it. */
export const kill_again_ms = 30 * second_ms

export const isKilled = (gate: Gate | undefined): boolean => gate?.kill !== undefined
