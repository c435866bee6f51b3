/**
 * A session is a conversation. Its record is the lease: at most one live attempt holds it, and each grant carries a
 * fencing token that is greater than all before.
 *
 * The lease has no expiry of its own: it is held as long as its owner's attempt lives, and that has one
 * (`lease_expires_at`, renewed by heartbeats). The transaction that ends the attempt releases the lease.
 */
import * as z from 'zod'
import { AttemptId, RunId, SessionId, WorkspaceId } from './ids.ts'
import { Timestamp } from './time.ts'

const SavedFile = z.strictObject({ fencing_token: z.int().min(1), bytes: z.int().min(0) })

/** The current saved files of a session, each under the fencing token of the attempt that saved it last. */
export const Checkpoint = z.strictObject({
  workspace: SavedFile.optional(),
  transcript: SavedFile.optional(),
  saved_at: Timestamp,
})
export type Checkpoint = z.infer<typeof Checkpoint>

export const Session = z.strictObject({
  kind: z.literal('session'),
  workspace_id: WorkspaceId,
  id: SessionId,
  /** Absent while nobody holds the session. */
  owner: z
    .strictObject({
      /** `workerID:executionID`; the execution is the attempt. */
      lease_owner: z.string(),
      run_id: RunId,
      attempt_id: AttemptId,
    })
    .optional(),
  fencing_token: z.int().min(0),
  /** Kept for this run, whose question is open: nothing else goes on in the conversation meanwhile. */
  parked_run_id: RunId.optional(),
  /** Tasks stand in this session's waiting line. */
  waiting: z.boolean(),
  checkpoint: Checkpoint.optional(),
  /** The session was freed while tasks wait for it: it must be looked at by then. */
  due_at: Timestamp.optional(),
  created_at: Timestamp,
  updated_at: Timestamp,
  version: z.int(),
})
export type Session = z.infer<typeof Session>

/** The owner text of a lease. @param worker_id must not hold a colon */
export const leaseOwner = (worker_id: string, execution_id: string): string => `${worker_id}:${execution_id}`

/** ExtractLeaseExecutionID: the part after the first colon; undefined where there is none. */
export const extractLeaseExecutionId = (lease_owner: string): string | undefined => {
  const colon = lease_owner.indexOf(':')
  return colon === -1 ? undefined : lease_owner.slice(colon + 1)
}
