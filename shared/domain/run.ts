/**
 * A run is one execution of a task against a session; an attempt is one try of it in one sandbox.
 *
 * The latest attempt lives inside its run, so that one conditional write moves both. When the next attempt takes its
 * place, the ended one is kept as a record of its own (`AttemptRecord`).
 */
import * as z from 'zod'
import { open_questions_max, OpenQuestion } from './approval.ts'
import { CeilingScope } from './ceiling.ts'
import { AgentId, AttemptId, ClassKey, RunId, SessionId, TaskId, WorkspaceId } from './ids.ts'
import { RunInputs } from './input.ts'
import { Timestamp } from './time.ts'
import { Usage } from './usage.ts'

/** Why an attempt or a run failed. `code` is stable; `message` may improve. */
export const Failure = z.strictObject({
  code: z.string().regex(/^[a-z0-9_]{1,64}$/),
  message: z.string().max(4_000),
  retryable: z.boolean(),
})
export type Failure = z.infer<typeof Failure>

export const outcomes = ['ok', 'error', 'timeout', 'cancelled'] as const
export const Outcome = z.enum(outcomes)
export type Outcome = z.infer<typeof Outcome>

export const stop_reasons = ['cancel', 'timeout', 'budget'] as const
export const StopReason = z.enum(stop_reasons)
export type StopReason = z.infer<typeof StopReason>

const attempt_base = {
  id: AttemptId,
  attempt_no: z.int().min(1),
  strategy: z.enum(['primary', 'retry']),
  fencing_token: z.int().min(1),
  /** When the place in the class was taken. */
  admitted_at: Timestamp,
  /** Its class was degraded when it was admitted: it shows whether the class has recovered. */
  probe: z.boolean().optional(),
  /** The ceilings that count it while it is live. */
  counted: z.array(CeilingScope).optional(),
}
/**
 * What an attempt has from its claim on. `token_hash`: the first 128 bits of the SHA-256 of the attempt token's secret, in hex: as many as
 * keep a stranger out, and short, because a run has to fit in one write unit.
 */
const claimed = {
  started_at: Timestamp,
  token_hash: z.string(),
  /** The compute's name for the sandbox: an ECS task ARN. */
  execution_id: z.string().optional(),
  /** Renewed by each heartbeat. Past it, the attempt is lost and the session is free. */
  lease_expires_at: Timestamp,
}

export const Attempt = z.discriminatedUnion('status', [
  /** Admitted, told to start, not heard of yet. `claim_token` is handed to the sandbox and good once. */
  z.strictObject({
    ...attempt_base,
    status: z.literal('pending'),
    claim_token: z.string(),
    launched_at: Timestamp.optional(),
    execution_id: z.string().optional(),
  }),
  z.strictObject({
    ...attempt_base,
    ...claimed,
    status: z.literal('running'),
    /** Where its runner is rung: a connection's id. Only of attempts that live for more than a moment. */
    doorbell: z.string().optional(),
  }),
  /** Told to stop, not known to be gone: holds its place and its session still. */
  z.strictObject({
    ...attempt_base,
    status: z.literal('stopping'),
    started_at: Timestamp.optional(),
    token_hash: z.string().optional(),
    execution_id: z.string().optional(),
    lease_expires_at: Timestamp.optional(),
    stop_reason: StopReason,
    stop_requested_at: Timestamp,
    /** Its workspace was killed: nothing that it sends changes anything any more. */
    killed: z.boolean().optional(),
  }),
  z.strictObject({
    ...attempt_base,
    status: Outcome,
    started_at: Timestamp.optional(),
    execution_id: z.string().optional(),
    ended_at: Timestamp,
    /** Kept, so that a late call of this very attempt can be told from a stranger's. */
    token_hash: z.string().optional(),
    /** The runner did not say so itself. */
    lost: z.boolean().optional(),
    /** Ended by a kill: whether compute itself has said that the sandbox is gone. */
    killed: z.enum(['confirmed', 'unconfirmed']).optional(),
    exit_code: z.int().optional(),
    error: Failure.optional(),
    usage: Usage,
  }),
])
export type Attempt = z.infer<typeof Attempt>
export type AttemptStatus = Attempt['status']
export type LiveAttempt = Extract<Attempt, { status: 'pending' | 'running' | 'stopping' }>
export type EndedAttempt = Extract<Attempt, { status: Outcome }>

export const isLive = (attempt: Attempt): attempt is LiveAttempt =>
  attempt.status === 'pending' || attempt.status === 'running' || attempt.status === 'stopping'

/** Live, but killed with its workspace: it changes nothing any more. */
export const isFenced = (attempt: Attempt): boolean => attempt.status === 'stopping' && attempt.killed === true

/** An ended attempt that a later one of its run has replaced. */
export const AttemptRecord = z.strictObject({
  kind: z.literal('attempt'),
  workspace_id: WorkspaceId,
  run_id: RunId,
  attempt: Attempt,
  version: z.int(),
})
export type AttemptRecord = z.infer<typeof AttemptRecord>

const base = {
  kind: z.literal('run'),
  id: RunId,
  workspace_id: WorkspaceId,
  task_id: TaskId,
  agent_id: AgentId,
  session_id: SessionId,
  class_key: ClassKey,
  /** The run of the same task before this one, if the task was restarted. */
  previous_run_id: RunId.optional(),
  /** The latest attempt: live, or ended and about to be retried, or the last. */
  attempt: Attempt,
  /** The `seq` of the newest run event. Event 1, `accepted`, is the run's own creation and has no record. */
  event_seq: z.int().min(1),
  /** The sum over the attempts before the latest; that one holds its own once it has ended. `runUsage` adds them up. */
  usage: Usage.optional(),
  /** Tools that the agent wants to use and a human has to allow; absent where it has asked nothing. */
  questions: z.array(OpenQuestion).max(open_questions_max).optional(),
  /** Nothing of it is live, and it stands in no line: until its questions are answered, or until an input comes. */
  parked: z.enum(['question', 'input']).optional(),
  /** What the live attempt has reported so far. */
  live_usage: Usage.optional(),
  inputs: RunInputs.optional(),
  /** The attempt from which tries count (`max_attempts`); absent: the first. A saved turn begins the count anew. */
  tries_from: z.int().min(1).optional(),
  /** Since when the live attempt waits for an input. */
  waiting_since: Timestamp.optional(),
  created_at: Timestamp,
  updated_at: Timestamp,
  started_at: Timestamp.optional(),
  version: z.int(),
}
const ended = { ...base, ended_at: Timestamp, result: z.string().optional(), error: Failure.optional() }

export const Run = z.discriminatedUnion('status', [
  z.strictObject({ ...base, status: z.literal('accepted') }),
  z.strictObject({ ...base, status: z.literal('running') }),
  z.strictObject({ ...ended, status: z.literal('ok') }),
  z.strictObject({ ...ended, status: z.literal('error') }),
  z.strictObject({ ...ended, status: z.literal('timeout') }),
  z.strictObject({ ...ended, status: z.literal('cancelled') }),
])
export type Run = z.infer<typeof Run>
export type RunStatus = Run['status']
export const run_statuses = ['accepted', 'running', 'ok', 'error', 'timeout', 'cancelled'] as const satisfies readonly RunStatus[]
