/**
 * An input is a message for a run that exists already. It belongs to the conversation of a task: `seq` counts through all runs of the
 * task. Its record keeps what was said and what became of it; the run keeps the list of those that are not settled, so that the
 * run's version decides between an input that comes and a run that ends.
 */
import * as z from 'zod'
import { InputId, RunId, TaskId, WorkspaceId } from './ids.ts'
import { Timestamp } from './time.ts'

export const queue_modes = ['steer', 'followup', 'collect', 'interrupt'] as const
export const QueueMode = z.enum(queue_modes)
export type QueueMode = z.infer<typeof QueueMode>

export const reject_reasons = ['run_cancelled', 'run_failed'] as const

/** The one end of an input (SPEC §5). */
export const Disposition = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('consumed'), run_id: RunId, attempt_no: z.int().min(1), turn: z.int().min(1) }),
  z.strictObject({ kind: z.literal('merged'), into: InputId }),
  z.strictObject({ kind: z.literal('superseded'), by: InputId }),
  z.strictObject({ kind: z.literal('rejected'), reason: z.enum(reject_reasons) }),
])
export type Disposition = z.infer<typeof Disposition>

export const Input = z.strictObject({
  kind: z.literal('input'),
  id: InputId,
  workspace_id: WorkspaceId,
  task_id: TaskId,
  /** The run that it was accepted for. A restart of the task may hand it to a later one. */
  run_id: RunId,
  seq: z.int().min(1),
  queue_mode: QueueMode,
  message: z.string(),
  /** The whole message lies in the bucket under this key; here is its beginning. */
  overflow: z.string().optional(),
  /** What was said to the client when it was accepted. */
  outcome: z.enum(['direct', 'queued', 'interrupted', 'restarted']),
  /** SHA-256 over the body as it was sent, in canonical form, to tell a repeat from a different body. */
  body_hash: z.string(),
  /** Absent while it is pending. */
  settled: z.strictObject({ at: Timestamp, disposition: Disposition }).optional(),
  created_at: Timestamp,
  version: z.int(),
})
export type Input = z.infer<typeof Input>

/** Finds an input by a name: its id, or the hash of its task and idempotency key. Immutable. */
export const InputName = z.strictObject({
  kind: z.literal('input_name'),
  workspace_id: WorkspaceId,
  name: z.string(),
  task_id: TaskId,
  seq: z.int().min(1),
  version: z.int(),
})
export type InputName = z.infer<typeof InputName>

/** A run refuses more than this, so that all of them can be settled in the commit that ends it. */
export const pending_inputs_max = 50

/**
 * An input in the list of its run. `taken`: handed to the runner for a turn. Taken is not consumed: once another attempt is the run's
 * latest, the input waits again, without a write.
 */
export const PendingInput = z.strictObject({
  id: InputId,
  seq: z.int().min(1),
  queue_mode: QueueMode,
  taken: z
    .strictObject({
      attempt_no: z.int().min(1),
      turn: z.int().min(1),
      /** The session's saved files know it: the turn stopped at a question after it was said. It is not handed out again. */
      in_files: z.literal(true).optional(),
    })
    .optional(),
  /** A run of the task has failed with it already; the next that does rejects it. */
  carried: z.literal(true).optional(),
})
export type PendingInput = z.infer<typeof PendingInput>

/** What a run knows of inputs; absent from a run of a task that never had one and whose turns were never counted. */
export const RunInputs = z.strictObject({
  /** The newest `seq` of the task; 0 before the first. */
  last_seq: z.int().min(0),
  /** How many turns of the run have ended and are saved. */
  turns: z.int().min(0),
  /** In order of `seq`. Those of a run that has ended are for the next run of its task, which stands in line. */
  pending: z.array(PendingInput).max(pending_inputs_max),
  /** The saved session knew the command's message when the run began. */
  message_done: z.literal(true).optional(),
  /** Of a run that has ended and whose task goes on for its inputs: the next run begins with them, since the saved session knows the message. */
  next_knows_message: z.literal(true).optional(),
})
export type RunInputs = z.infer<typeof RunInputs>
