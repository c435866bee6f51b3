/** Claim and heartbeat: what a runner says while it lives, and what it is told. */
import { decided, type Decision } from '../decision.ts'
import { runEvent } from '../events.ts'
import { waitingInputs } from '../inputs.ts'
import { refuse, type Refusal } from '../result.ts'
import { movedRun } from '../transitions.ts'
import { millis, timestamp } from '../time.ts'
import { laterUsage } from '../usage.ts'
import type { Attempt, Run, StopReason } from '../run.ts'
import type { ModelUsage } from '../usage.ts'
import type { Deployment } from '../../settings.ts'
import { refs } from '../../store/keys.ts'

/** The part of a token's hash that is stored: 128 bits, in hex. @param hash the whole SHA-256, in hex */
export const storedTokenHash = (hash: string): string => hash.slice(0, 32)

export interface ClaimRequest {
  readonly attempt_no: number
  readonly claim_token: string
  readonly attempt_token_hash: string
  readonly execution_id?: string | undefined
}

/**
 * The sandbox that was launched takes its attempt. The claim token is good once; a repeat by the same runner (same token
 * hash) gets the same answer, so a lost answer costs nothing. Everyone else is rejected and goes away.
 */
export const decideClaim = (run: Run, request: ClaimRequest, deployment: Deployment, now_ms: number): Decision<Run> | Refusal => {
  const { attempt } = run
  if (attempt.attempt_no !== request.attempt_no) return refuse('claim_rejected', `attempt ${request.attempt_no} of ${run.id} is not the latest`)
  if (attempt.status === 'running' && attempt.token_hash === storedTokenHash(request.attempt_token_hash)) return decided([], [], run)
  if (attempt.status !== 'pending' || run.status !== 'accepted')
    return refuse('claim_rejected', `attempt ${request.attempt_no} of ${run.id} is ${attempt.status}`)
  if (attempt.claim_token !== request.claim_token) return refuse('claim_rejected', 'the claim token is wrong')

  const now = timestamp(now_ms)
  const { claim_token: _, launched_at: __, execution_id: ___, ...kept } = attempt
  const claimed: Attempt = {
    ...kept,
    status: 'running',
    started_at: now,
    token_hash: storedTokenHash(request.attempt_token_hash),
    ...(request.execution_id === undefined ? {} : { execution_id: request.execution_id }),
    lease_expires_at: timestamp(now_ms + deployment.lease_ms),
  }
  const started = movedRun(run, {
    ...run,
    status: 'running',
    attempt: claimed,
    started_at: run.started_at ?? now,
    updated_at: now,
    event_seq: run.event_seq + 1,
  })
  return decided(
    [
      { op: 'replace_if_version', record: started },
      { op: 'put_if_absent', record: runEvent(started, 'started', now_ms, startedPayload(attempt), true) },
      {
        op: 'add_within_limit',
        ref: refs.instance(run.workspace_id, run.class_key),
        change: { add: { pending: -1, running: 1 }, set: { last_event_at: now } },
        conditions: [],
      },
    ],
    [],
    started,
  )
}

/** A probe of a degraded class says so. */
const startedPayload = ({ attempt_no, strategy, probe }: Attempt) => ({ attempt_no, strategy, ...(probe === true ? { probe } : {}) })

/** What a heartbeat is answered. */
export interface HeartbeatOrder {
  readonly order: 'go_on' | 'stop'
  readonly stop_reason?: StopReason
  readonly lease_expires_at: string
  /** Present if some input waits to be taken. */
  readonly inputs_wait?: true
}

/** Until when the attempt may run: its timeout, and the time it has to end after that. */
export const deadlineMs = (started_at: string, timeout_ms: number, deployment: Deployment): number => {
  const allowed_ms = timeout_ms === 0 ? deployment.timeout_ms_max : Math.min(timeout_ms, deployment.timeout_ms_max)
  return millis(started_at) + allowed_ms + deployment.stop_grace_ms
}

/** A heartbeat renews the lease of a running attempt; one that was told to stop hears it again and is not renewed. */
export const decideHeartbeat = (run: Run, usage: ModelUsage | undefined, deployment: Deployment, now_ms: number): Decision<HeartbeatOrder> => {
  const { attempt } = run
  if (attempt.status !== 'running') {
    const reason = attempt.status === 'stopping' ? attempt.stop_reason : 'cancel'
    return decided([], [], { order: 'stop', stop_reason: reason, lease_expires_at: timestamp(now_ms) })
  }
  const lease_expires_at = timestamp(now_ms + deployment.lease_ms)
  const renewed: Run = {
    ...run,
    attempt: { ...attempt, lease_expires_at },
    ...(usage === undefined ? {} : { live_usage: laterUsage(run.live_usage, usage) }),
    updated_at: timestamp(now_ms),
  }
  return decided([{ op: 'replace_if_version', record: renewed }], [], {
    order: 'go_on',
    lease_expires_at,
    ...(waitingInputs(run).length === 0 ? {} : { inputs_wait: true }),
  })
}
