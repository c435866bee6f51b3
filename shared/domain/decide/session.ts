/** Free sessions that tasks wait for, and leases whose owner is gone. */
import { decided, type Decision } from '../decision.ts'
import { freedDue } from '../due.ts'
import { refOf, refs } from '../../store/keys.ts'
import { timestamp } from '../time.ts'
import { isLive, type Run } from '../run.ts'
import type { Place } from '../instance.ts'
import { extractLeaseExecutionId, type Checkpoint, type Session } from '../session.ts'
import type { Signal } from '../../ports/ports.ts'

/** The session once its owner has ended. Those who wait for it are looked at, by doorbell or at `due_at`. */
export const releasedSession = (session: Session, checkpoint: Checkpoint | undefined, now_ms: number): Session => {
  const { owner, ...kept } = session
  return {
    ...kept,
    ...(owner === undefined ? {} : { last_run_id: owner.run_id }),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(session.waiting ? { due_at: freedDue(now_ms) } : {}),
    updated_at: timestamp(now_ms),
  }
}

export const sessionSignal = (session: Session): Signal => ({ kind: 'session', workspace_id: session.workspace_id, session_id: session.id })

/** Whether the lease's owner still has it; undefined where that cannot be known, because the owner is none of this plane's attempts. */
const isHeld = (owner: NonNullable<Session['owner']>, owner_run: Run | undefined): boolean | undefined => {
  if (extractLeaseExecutionId(owner.lease_owner) !== owner.attempt_id) return undefined
  return owner_run !== undefined && owner_run.attempt.id === owner.attempt_id && isLive(owner_run.attempt)
}

/**
 * ReconcileStaleSessionLease: releases a lease whose owner's attempt has ended or is gone; one whose owner cannot be known is left
 * alone. The condition on the write is the very version that was read, and so that very owner.
 * @param owner_run the run that the lease names, undefined if it is gone
 */
export const decideReconcile = (session: Session, owner_run: Run | undefined, now_ms: number): Decision => {
  if (session.owner === undefined || isHeld(session.owner, owner_run) !== false) return decided([], [], undefined)
  return decided([{ op: 'replace_if_version', record: releasedSession(session, undefined, now_ms) }], [sessionSignal(session)], undefined)
}

/**
 * A free session with a waiting line sends its head back to the line of its class. It keeps its due time until the line is
 * empty, so that a head which leaves the line unserved holds nobody up. The class gets one too: from here on the place is its own
 * concern, and the doorbell may be lost.
 */
export const decideHandOver = (session: Session, head: Place | undefined, now_ms: number): Decision => {
  if (session.owner !== undefined || !session.waiting) return decided([], [], undefined)
  if (head === undefined) {
    const { due_at: _, ...kept } = session
    return decided([{ op: 'replace_if_version', record: { ...kept, waiting: false, updated_at: timestamp(now_ms) } }], [], undefined)
  }
  return decided(
    [
      { op: 'delete_if_version', ref: refOf(head), version: head.version },
      { op: 'put_if_absent', record: { ...head, line: 'class' } },
      { op: 'replace_if_version', record: { ...session, due_at: freedDue(now_ms), updated_at: timestamp(now_ms) } },
      { op: 'add_within_limit', ref: refs.instance(head.workspace_id, head.class_key), change: { add: {}, set: { due_at: freedDue(now_ms) } }, conditions: [] },
    ],
    [{ kind: 'class', workspace_id: head.workspace_id, class_key: head.class_key }],
    undefined,
  )
}
