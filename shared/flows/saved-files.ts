/** Saved files of a session that a later checkpoint replaces. */
import { supersededFiles, type Session } from '../domain/session.ts'
import { refs } from '../store/keys.ts'
import type { SharedFile } from '../domain/shared-file.ts'
import type { FlowDeps } from './flow.ts'
import type { SessionFile } from '../ports/ports.ts'
import type { Write } from '../store/store.ts'

/** The files that the session's checkpoint names alone, and does not once these writes are committed. */
export const supersededBy = (session: Session | undefined, writes: readonly Write[]): readonly SessionFile[] => {
  if (session?.checkpoint === undefined) return []
  const { workspace_id, id: session_id, checkpoint } = session
  return writes.flatMap((write) =>
    'record' in write && write.record.kind === 'session'
      ? supersededFiles(checkpoint, write.record.checkpoint)
          .filter(({ file }) => file.shared !== true)
          .map(({ kind, file: { fencing_token, turn } }) => ({ workspace_id, session_id, fencing_token, turn, kind }))
      : [],
  )
}

/** Removes files that nobody will read again, after the commit that says so. Best effort: what is left only takes room. */
export const removeFiles = async (deps: FlowDeps, files: readonly SessionFile[]): Promise<void> => {
  try {
    await Promise.all(files.map(async (file) => deps.files.remove(file)))
  } catch (cause) {
    deps.report?.('file_left', cause)
  }
}

/**
 * Looks at a shared file that some session has stopped to name. Where none names it any more, the file is removed, and then its record: nobody
 * can come to name it again, and whoever breaks off between the two leaves it due. Otherwise it is due no longer, unless another session
 * has stopped to name it meanwhile.
 */
export const lookAtSharedFile = async (deps: FlowDeps, name: Omit<SharedFile, 'kind' | 'holders' | 'version'>): Promise<void> => {
  const ref = refs.sharedFile(name)
  const shared = await deps.store.get(ref)
  if (shared === undefined) return
  if (shared.holders === 0) {
    const { workspace_id, session_id, fencing_token, turn, file: kind } = shared
    await deps.files.remove({ workspace_id, session_id, fencing_token, turn, kind })
    await deps.store.commit([{ op: 'delete_if_version', ref, version: shared.version }])
    return
  }
  if (shared.due_at === undefined) return
  await deps.store.commit([
    {
      op: 'add_within_limit',
      ref,
      change: { add: {}, remove: ['due_at'] },
      conditions: [
        { field: 'holders', is: 'at_least', value: 1 },
        { field: 'due_at', is: 'equals', value: shared.due_at },
      ],
    },
  ])
}
