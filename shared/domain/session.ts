/**
 * A session is a conversation. Its record is the lease: at most one live attempt holds it, and each grant carries a
 * fencing token that is greater than all before.
 *
 * The lease has no expiry of its own: it is held as long as its owner's attempt lives, and that has one
 * (`lease_expires_at`, renewed by heartbeats). The transaction that ends the attempt releases the lease.
 */
import * as z from 'zod'
import { AttemptId, RunId, SessionId, WorkspaceId } from './ids.ts'
import { timestamp, Timestamp } from './time.ts'

export const checkpoint_kinds = ['workspace', 'transcript'] as const
export type CheckpointKind = (typeof checkpoint_kinds)[number]

export const SavedFile = z.strictObject({
  fencing_token: z.int().min(1),
  /** The turn that it was saved with; absent from a file of a runner that counted none. */
  turn: z.int().min(1).optional(),
  bytes: z.int().min(0),
  /** The session that saved it, if this one was forked and has not replaced it yet; absent: this one. */
  session_id: SessionId.optional(),
  /** Other sessions may name it too: a shared file counts them, and whoever no longer names it says so there. */
  shared: z.literal(true).optional(),
})
export type SavedFile = z.infer<typeof SavedFile>

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
  /** Absent while somebody holds the session: the run whose attempt held it last. It may go on in another attempt. */
  last_run_id: RunId.optional(),
  fencing_token: z.int().min(0),
  /** Kept for this run, whose question is open: nothing else goes on in the conversation meanwhile. */
  parked_run_id: RunId.optional(),
  /** Tasks stand in this session's waiting line. */
  waiting: z.boolean(),
  checkpoint: Checkpoint.optional(),
  /** Where it began: with the checkpoint that another session had, saved at that time. */
  forked_from: z.strictObject({ session_id: SessionId, saved_at: Timestamp }).optional(),
  /** The session in which the transcript was begun; its name in there is that one's. Absent: this one. */
  transcript_of: SessionId.optional(),
  /** The session was freed while tasks wait for it: it must be looked at by then. */
  due_at: Timestamp.optional(),
  created_at: Timestamp,
  updated_at: Timestamp,
  version: z.int(),
})
export type Session = z.infer<typeof Session>

/** How much was uploaded, by kind; absent: not saved. */
export interface SavedBytes {
  readonly workspace_bytes?: number | undefined
  readonly transcript_bytes?: number | undefined
}

/**
 * The checkpoint once what an attempt saved is current; what it did not save stays as it was. Undefined where it saved nothing.
 * @param fencing_token of the attempt: what a superseded one uploaded lies under another @param turn that it was saved with, if turns are counted
 */
export const savedCheckpoint = (
  session: Session,
  fencing_token: number,
  { saved, turn }: { readonly saved?: SavedBytes | undefined; readonly turn?: number | undefined },
  now_ms: number,
): Checkpoint | undefined => {
  if (saved?.workspace_bytes === undefined && saved?.transcript_bytes === undefined) return undefined
  const file = (kind: CheckpointKind, bytes: number | undefined) => {
    if (bytes === undefined) return {}
    const made: SavedFile = { fencing_token, ...(turn === undefined ? {} : { turn }), bytes }
    const named = session.checkpoint?.[kind]
    // Said again, it is the file that it was: others may name it meanwhile.
    return { [kind]: named !== undefined && isSameFile(named, made) ? { ...named, bytes } : made }
  }
  return { ...session.checkpoint, ...file('workspace', saved.workspace_bytes), ...file('transcript', saved.transcript_bytes), saved_at: timestamp(now_ms) }
}

/** Whether what the attempt of this fencing token saved is current: a turn of it has ended well. What a fork began with is of another session. */
export const hasSaved = (session: Session | undefined, fencing_token: number): boolean =>
  checkpoint_kinds.some((kind) => {
    const file = session?.checkpoint?.[kind]
    return file?.fencing_token === fencing_token && file.session_id === undefined
  })

/** Whether two checkpoints of one session name the same file. A fencing token is of the session that granted it. */
const isSameFile = (a: SavedFile, b: SavedFile): boolean => a.session_id === b.session_id && a.fencing_token === b.fencing_token && a.turn === b.turn

/** The files that a checkpoint named and the one after it does not: nobody reads them again for this session. */
export const supersededFiles = (
  before: Checkpoint | undefined,
  after: Checkpoint | undefined,
): readonly { readonly kind: CheckpointKind; readonly file: SavedFile }[] =>
  checkpoint_kinds.flatMap((kind) => {
    const [file, current] = [before?.[kind], after?.[kind]]
    return file === undefined || current === undefined || isSameFile(file, current) ? [] : [{ kind, file }]
  })

/** The owner text of a lease. @param worker_id must not hold a colon */
export const leaseOwner = (worker_id: string, execution_id: string): string => `${worker_id}:${execution_id}`

/** ExtractLeaseExecutionID: the part after the first colon; undefined where there is none. */
export const extractLeaseExecutionId = (lease_owner: string): string | undefined => {
  const colon = lease_owner.indexOf(':')
  return colon === -1 ? undefined : lease_owner.slice(colon + 1)
}
