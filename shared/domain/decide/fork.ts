/**
 * A command that begins its session with the checkpoint of another. The new session is stored with the command, and names the files that
 * the other one has at that moment. It copies none: both share them until they save their own.
 */
import { decided, type Decision } from '../decision.ts'
import { refuse, type Refusal } from '../result.ts'
import { checkpoint_kinds, type Checkpoint, type Session } from '../session.ts'
import { holdWrite, sharedFileName } from '../shared-file.ts'
import { timestamp } from '../time.ts'
import { decideAccept, type Accepted, type AcceptRequest } from './accept.ts'
import type { SessionId } from '../ids.ts'
import type { Deployment } from '../../settings.ts'
import type { Write } from '../../store/store.ts'

/** The two sessions as they were read. */
export interface ForkSessions {
  readonly source: Session | undefined
  /** That which the command names for itself. */
  readonly target: Session | undefined
}

interface SharedCheckpoint {
  /** As the source names its files from now on. */
  readonly kept: Checkpoint
  /** As the fork names them. */
  readonly forked: Checkpoint
  readonly writes: readonly Write[]
}

/** The files of a checkpoint with one holder more each. What was not shared is from now on, and has two. */
const shareCheckpoint = (source: Session, checkpoint: Checkpoint): SharedCheckpoint => {
  let [kept, forked] = [checkpoint, checkpoint]
  const writes: Write[] = []
  for (const kind of checkpoint_kinds) {
    const file = checkpoint[kind]
    if (file === undefined) continue
    const name = sharedFileName(source, kind, file)
    if (file.shared === true) writes.push(holdWrite(source, kind, file))
    else writes.push({ op: 'put_if_absent', record: { kind: 'shared_file', ...name, holders: 2, version: 1 } })
    kept = { ...kept, [kind]: { ...file, shared: true } }
    forked = { ...forked, [kind]: { ...file, session_id: name.session_id, shared: true } }
  }
  return { kept, forked, writes }
}

const isShared = (checkpoint: Checkpoint): boolean =>
  checkpoint_kinds.every((kind) => {
    const file = checkpoint[kind]
    return file === undefined || file.shared === true
  })

/** The session that begins, and its share of the source's files. The source is written only where one of them was its alone. */
const forkWrites = (source: Session, checkpoint: Checkpoint, session_id: SessionId, now_ms: number): readonly Write[] => {
  const { kept, forked, writes } = shareCheckpoint(source, checkpoint)
  const now = timestamp(now_ms)
  const made: Session = {
    kind: 'session',
    workspace_id: source.workspace_id,
    id: session_id,
    fencing_token: 0,
    waiting: false,
    checkpoint: forked,
    forked_from: { session_id: source.id, saved_at: checkpoint.saved_at },
    transcript_of: source.transcript_of ?? source.id,
    created_at: now,
    updated_at: now,
    version: 1,
  }
  const marked: readonly Write[] = isShared(checkpoint) ? [] : [{ op: 'replace_if_version', record: { ...source, checkpoint: kept } }]
  return [{ op: 'put_if_absent', record: made }, ...writes, ...marked]
}

const noSource = (session_id: SessionId): Refusal =>
  refuse('not_found', `no session ${session_id}: nothing of it has run`, [{ field: 'fork_from.session_id', message: 'no such session' }])

const noCheckpoint = (session_id: SessionId): Refusal =>
  refuse('checkpoint_missing', `session ${session_id} has saved nothing yet: fork it when a turn of it has ended`, [
    { field: 'fork_from.session_id', message: 'has no checkpoint', value: session_id },
  ])

const targetExists = (session_id: SessionId): Refusal =>
  refuse('session_exists', `session ${session_id} exists: a fork begins a new one. Name another in session_id, or none`, [
    { field: 'session_id', message: 'exists', value: session_id },
  ])

/** Accepts a command with `fork_from`: its task, and its session with the checkpoint that the source has now. All of it in one commit. */
export const decideAcceptFork = (
  request: AcceptRequest,
  fork_from: SessionId,
  { source, target }: ForkSessions,
  deployment: Deployment,
  now_ms: number,
): Decision<Accepted> | Refusal => {
  const accepted = decideAccept(request, deployment, now_ms)
  if (!accepted.ok) return accepted
  if (target !== undefined) return targetExists(target.id)
  if (source === undefined) return noSource(fork_from)
  const { checkpoint } = source
  if (checkpoint === undefined) return noCheckpoint(fork_from)
  const { session_id } = accepted.value.task
  return decided([...accepted.writes, ...forkWrites(source, checkpoint, session_id, now_ms)], accepted.signals, accepted.value)
}
