/** Saved files of a session that a later checkpoint replaces. */
import { supersededFiles, type Session } from '../domain/session.ts'
import type { FlowDeps } from './flow.ts'
import type { SessionFile } from '../ports/ports.ts'
import type { Write } from '../store/store.ts'

/** The files that the session's checkpoint names, and does not once these writes are committed. */
export const supersededBy = (session: Session | undefined, writes: readonly Write[]): readonly SessionFile[] => {
  if (session?.checkpoint === undefined) return []
  const { workspace_id, id: session_id, checkpoint } = session
  return writes.flatMap((write) =>
    'record' in write && write.record.kind === 'session'
      ? supersededFiles(checkpoint, write.record.checkpoint).map((file) => ({ workspace_id, session_id, ...file }))
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
