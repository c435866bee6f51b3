/** Sessions and those that hold them: at most one live attempt, under a token that only grows. */
import { isLive, type Run } from '../domain/run.ts'
import { extractLeaseExecutionId, type Session } from '../domain/session.ts'
import { sharedFileNames, type SharedFile } from '../domain/shared-file.ts'
import { refs, type Ref } from '../store/keys.ts'
import { foundIf, type Finding } from './finding.ts'

/** A run with the session that it names. */
export const holderFindings = (run: Run, session: Session | undefined): readonly Finding[] => {
  const { attempt } = run
  const owner = session?.owner
  const is_owner = owner?.attempt_id === attempt.id && owner.run_id === run.id && extractLeaseExecutionId(owner.lease_owner) === attempt.id
  const token = session?.fencing_token ?? 0
  const live = isLive(attempt)
  return [
    ...foundIf(
      live && !is_owner,
      'lease_not_held',
      run,
      () => `${attempt.id} is ${attempt.status}, and ${run.session_id} is held by ${owner?.attempt_id ?? 'nobody'}`,
    ),
    ...foundIf(
      live ? is_owner && token !== attempt.fencing_token : token < attempt.fencing_token,
      'token_not_greater',
      run,
      () => `${attempt.id} has token ${attempt.fencing_token}, ${run.session_id} is at ${token}`,
    ),
  ]
}

/** @param owner_run the run that the lease names */
export const sessionFindings = (session: Session, owner_run: Run | undefined): readonly Finding[] => {
  const { owner } = session
  const is_held = owner !== undefined && owner_run?.attempt.id === owner.attempt_id && isLive(owner_run.attempt)
  return [
    ...foundIf(owner !== undefined && !is_held, 'lease_without_owner', session, () => `${session.id} is held by ${owner?.attempt_id}, which is not live`),
    ...foundIf(
      owner === undefined && session.waiting && session.due_at === undefined && session.parked_run_id === undefined,
      'session_unwatched',
      session,
      () => `${session.id} is free, tasks wait for it, and it has no due time`,
    ),
  ]
}

/** A session with the counts of the files that it shares. */
export const sharedFileFindings = (session: Session, countAt: (ref: Ref<'shared_file'>) => SharedFile | undefined): readonly Finding[] =>
  sharedFileNames(session).flatMap((name) => {
    const holders = countAt(refs.sharedFile(name))?.holders ?? 0
    return foundIf(holders < 1, 'file_uncounted', session, () => `${session.id} shares the ${name.file} of ${name.session_id}, and no count holds it`)
  })
