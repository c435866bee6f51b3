/**
 * Heartbeats: they renew the lease of the session, and bring back the order to stop, word of inputs and answers, and fresh credentials
 * for the model.
 *
 *   claim ──beat──beat──✗ ✗ ✗ (repeated)────┤ margin ├── lease ends
 *                                            └ the attempt ends itself: another may hold the session from then on
 */
import type { Assignment, Heartbeat, HeartbeatAnswer } from '../shared/contract/runner-protocol.ts'
import { millis } from '../shared/domain/time.ts'
import type { ModelUsage } from '../shared/domain/usage.ts'
import type { HeldCredentials } from './model/credentials.ts'
import type { News } from './news.ts'
import type { AnswerTime, Plane } from './plane.ts'
import { pause, type Stop } from './stop.ts'

export interface Heart {
  /**
   * One beat now, beside the regular ones: whoever hears that something waits for this attempt calls this. Resolves when a beat that was
   * sent after the call is answered or given up; calls that come meanwhile share one.
   */
  beatNow(): Promise<void>
  /** A beat that begins from now on: the answer to one that is on its way may be older than what there is to see. */
  look(): void
  /** No beat after this. */
  end(): Promise<void>
}

/** A clock that is off by more than this is not trusted; within it the plane's Date header (whole seconds) is the coarser one. */
const skew_max_ms = 2_000
const margin_max_ms = 5_000
const margin_share = 0.2
const interval_min_ms = 100
/**
 * Beats begin this share of the plane's interval apart, however long each takes to be answered: what waits is with the agent within the interval,
 * also where nothing rings.
 */
const interval_share = 0.95
/** How long one beat is repeated once the attempt is ending: the lease may be over, the order to stop is still worth hearing. */
const stopping_beat_ms = 5_000

/** By the forward clock, when the attempt must be over: the lease's end less a margin for killing the agent. */
export const leaseDeadline = (lease_expires_at: string, answered: AnswerTime, wall_now_ms: number): number => {
  const skewed = answered.plane_now_ms !== undefined && Math.abs(answered.plane_now_ms - wall_now_ms) > skew_max_ms
  const plane_now_ms = skewed && answered.plane_now_ms !== undefined ? answered.plane_now_ms : wall_now_ms
  const left_ms = Math.max(0, millis(lease_expires_at) - plane_now_ms)
  return answered.sent_monotonic_ms + left_ms - Math.min(margin_max_ms, left_ms * margin_share)
}

export interface HeartInput {
  readonly plane: Plane
  readonly assignment: Assignment
  readonly claimed: AnswerTime
  readonly stop: Stop
  /** What the attempt has used so far; undefined if nothing. */
  readonly usage: () => ModelUsage | undefined
  /** Renewed here. */
  readonly credentials: HeldCredentials
  /** Told here. */
  readonly news: News
}

export const startHeart = ({ plane, assignment, claimed, stop, usage, credentials, news }: HeartInput): Heart => {
  const ended = new AbortController()
  let interval_ms = assignment.heartbeat_ms
  let deadline_ms = leaseDeadline(assignment.lease_expires_at, claimed, Date.now())
  let beating: Promise<void> | undefined
  let following: Promise<void> | undefined

  const obey = (answer: HeartbeatAnswer, answered: AnswerTime): void => {
    interval_ms = answer.heartbeat_ms
    if (answer.model_credentials !== undefined) credentials.renew(answer.model_credentials)
    news.hear(answer, answered)
    if (answer.order === 'stop') stop.request(answer.stop_reason ?? 'cancel')
    else deadline_ms = leaseDeadline(answer.lease_expires_at, answered, Date.now())
  }
  const said = (): Heartbeat => {
    const used = usage()
    const expire_at = credentials.newest()?.expires_at
    return { ...(used === undefined ? {} : { usage: used }), ...(expire_at === undefined ? {} : { model_credentials_expire_at: expire_at }) }
  }
  const beat = async (): Promise<void> => {
    const within_ms = stop.soft.aborted ? stopping_beat_ms : Math.max(0, deadline_ms - performance.now())
    const answer = await plane.heartbeat(said(), { within_ms, signal: AbortSignal.any([ended.signal, AbortSignal.timeout(Math.ceil(within_ms))]) })
    if (ended.signal.aborted) return
    if (answer.ok) obey(answer.value, answer.answered)
    else if (answer.why === 'superseded') stop.request('superseded')
  }
  const startBeat = (): Promise<void> => (beating = beat().finally(() => (beating = undefined)))
  /** The answer of a beat that is under way may be older than what the caller has heard of. */
  const beatNow = (): Promise<void> => {
    if (beating === undefined) return startBeat()
    following ??= beating.then(() => {
      following = undefined
      return ended.signal.aborted ? undefined : beatNow()
    })
    return following
  }
  /** Once told to stop, the lease is not renewed any more: the plane's own grace counts from then. */
  const run = async (): Promise<void> => {
    for (let began_ms = claimed.sent_monotonic_ms; !ended.signal.aborted && !stop.isHard();) {
      const now_ms = performance.now()
      const left_ms = deadline_ms - now_ms
      if (left_ms <= 0 && !stop.soft.aborted) return stop.request('lease_lost')
      const wait_ms = began_ms + interval_ms * interval_share - now_ms
      await pause(Math.max(interval_min_ms, Math.min(wait_ms, left_ms > 0 ? left_ms : wait_ms)), ended.signal)
      began_ms = performance.now()
      if (!ended.signal.aborted && !stop.isHard()) await (beating ?? startBeat())
    }
  }
  const running = run()
  return {
    beatNow,
    look: () => void beatNow(),
    end: async () => {
      ended.abort()
      await running
      await Promise.all([beating, following])
    },
  }
}
