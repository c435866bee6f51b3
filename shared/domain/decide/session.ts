/** Free sessions that tasks wait for, and leases whose owner is gone. */
import { decided, type Decision } from '../decision.ts'
import { freedDue } from '../due.ts'
import { refOf, refs } from '../../store/keys.ts'
import { timestamp } from '../time.ts'
import { isLive, type Run } from '../run.ts'
import { isEndedRun } from '../transitions.ts'
import type { Place } from '../instance.ts'
import { extractLeaseExecutionId, type Checkpoint, type Session } from '../session.ts'
import type { RunId } from '../ids.ts'
import type { Signal } from '../../ports/ports.ts'
import type { Write } from '../../store/store.ts'

/**
 * The session once its owner has ended. Those who wait for it are looked at, by doorbell or at `due_at`; but not while it is kept for a
 * run with an open question. @param parked_run_id that run
 */
export const releasedSession = (session: Session, checkpoint: Checkpoint | undefined, now_ms: number, parked_run_id?: RunId): Session => {
  const { owner, parked_run_id: _, ...kept } = session
  return {
    ...kept,
    ...(owner === undefined ? {} : { last_run_id: owner.run_id }),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(parked_run_id === undefined ? (session.waiting ? { due_at: freedDue(now_ms) } : {}) : { parked_run_id }),
    updated_at: timestamp(now_ms),
  }
}

/** Whether somebody else than this run has the session: it is held, or kept for another run. */
export const isTaken = (session: Session | undefined, run_id: RunId | undefined): boolean =>
  session !== undefined && (session.owner !== undefined || (session.parked_run_id !== undefined && session.parked_run_id !== run_id))

/** A run that the session was kept for is over: the session is free. */
export const unkeptSession = (
  session: Session | undefined,
  run_id: RunId,
  now_ms: number,
): { readonly writes: readonly Write[]; readonly signals: readonly Signal[] } =>
  session === undefined || session.owner !== undefined || session.parked_run_id !== run_id
    ? { writes: [], signals: [] }
    : {
        writes: [{ op: 'replace_if_version', record: releasedSession(session, undefined, now_ms) }],
        signals: session.waiting ? [sessionSignal(session)] : [],
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
 * A session that is kept for a run which is over is freed too. @param owner_run the run that the lease names, or that it is kept for;
 * undefined if it is gone
 */
export const decideReconcile = (session: Session, owner_run: Run | undefined, now_ms: number): Decision => {
  const kept = session.parked_run_id !== undefined && owner_run !== undefined && !isEndedRun(owner_run)
  if (session.owner === undefined ? kept || session.parked_run_id === undefined : isHeld(session.owner, owner_run) !== false) return decided([], [], undefined)
  return decided([{ op: 'replace_if_version', record: releasedSession(session, undefined, now_ms) }], [sessionSignal(session)], undefined)
}

/**
 * A free session with a waiting line sends its head back to the line of its class. It keeps its due time until the line is
 * empty, so that a head which leaves the line unserved holds nobody up. The class gets one too: from here on the place is its own
 * concern, and the doorbell may be lost.
 */
export const decideHandOver = (session: Session, head: Place | undefined, now_ms: number): Decision => {
  if (session.owner !== undefined || session.parked_run_id !== undefined || !session.waiting) return decided([], [], undefined)
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
