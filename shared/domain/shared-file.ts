/**
 * A saved file that the checkpoints of several sessions name, since one was forked from another. It counts them, in the very commits that
 * change what they name: so it is there as long as one of them does. When none is left it is due, and whoever looks removes file and record.
 *
 *   fork (the first) ── put, holders 2        fork (another) ── +1, only if it is at least 1
 *   a holder saves the next one ── -1, due    due and 0 ── the file is removed, then the record
 */
import * as z from 'zod'
import { SessionId, WorkspaceId } from './ids.ts'
import { checkpoint_kinds, supersededFiles, type CheckpointKind, type SavedFile, type Session } from './session.ts'
import { timestamp, Timestamp } from './time.ts'
import { refs } from '../store/keys.ts'
import type { Write } from '../store/store.ts'

export const SharedFile = z.strictObject({
  kind: z.literal('shared_file'),
  workspace_id: WorkspaceId,
  /** The session that saved it. */
  session_id: SessionId,
  file: z.enum(checkpoint_kinds),
  fencing_token: z.int().min(1),
  turn: z.int().min(1).optional(),
  /** So many sessions name it. Once 0, it stays 0. */
  holders: z.int().min(0),
  due_at: Timestamp.optional(),
  version: z.int(),
})
export type SharedFile = z.infer<typeof SharedFile>

/** The name of a file that a session's checkpoint names. */
export const sharedFileName = ({ workspace_id, id }: Pick<Session, 'workspace_id' | 'id'>, kind: CheckpointKind, file: SavedFile) => ({
  workspace_id,
  session_id: file.session_id ?? id,
  file: kind,
  fencing_token: file.fencing_token,
  ...(file.turn === undefined ? {} : { turn: file.turn }),
})

/** The files that a session shares with others. */
export const sharedFileNames = (session: Session) =>
  checkpoint_kinds.flatMap((kind) => {
    const file = session.checkpoint?.[kind]
    return file?.shared === true ? [sharedFileName(session, kind, file)] : []
  })

/** One holder more. It conflicts where none is left: then the session that it was read in has moved on. */
export const holdWrite = (session: Session, kind: CheckpointKind, file: SavedFile): Write => ({
  op: 'add_within_limit',
  ref: refs.sharedFile(sharedFileName(session, kind, file)),
  change: { add: { holders: 1 } },
  conditions: [{ field: 'holders', is: 'at_least', value: 1 }],
})

/** What a session no longer holds once these writes are committed, of the files that it shares. To be committed with them. */
export const releaseWrites = (before: Session, after: Session, now_ms: number): readonly Write[] =>
  supersededFiles(before.checkpoint, after.checkpoint)
    .filter(({ file }) => file.shared === true)
    .map(({ kind, file }) => ({
      op: 'add_within_limit',
      ref: refs.sharedFile(sharedFileName(before, kind, file)),
      change: { add: { holders: -1 }, set: { due_at: timestamp(now_ms) } },
      conditions: [{ field: 'holders', is: 'at_least', value: 1 }],
    }))
