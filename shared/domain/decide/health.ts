/** What the end of an attempt does to the health of its class (SPEC §5). */
import { cooldownUntil, healthOf, type Health } from '../instances.ts'
import { millis, type Timestamp } from '../time.ts'
import { hasSaved } from '../session.ts'
import type { EndingState } from './ending.ts'
import type { Instance } from '../instance.ts'
import type { LiveAttempt, Outcome } from '../run.ts'
import type { FieldCondition } from '../../store/store.ts'

/**
 * What an attempt shows of its class. One that saved a turn has worked, however it ended: a long conversation has no attempt that ends well, and
 * its class is none the worse for it.
 */
export interface Shown {
  readonly worked: boolean
  readonly failed: boolean
}

export const shownBy = ({ session }: Pick<EndingState, 'session'>, { fencing_token }: Pick<LiveAttempt, 'fencing_token'>, outcome: Outcome): Shown => {
  const failed = outcome === 'error' || outcome === 'timeout'
  return { failed, worked: outcome === 'ok' || (failed && hasSaved(session, fencing_token)) }
}

/** How a failed attempt counts against the health of its class, and on what state of it that was decided. After one that had worked the count begins anew. */
export const failureOf = (
  instance: Instance,
  worked: boolean,
  now_ms: number,
): { add: 0 | 1; cooldown_until?: Timestamp; conditions: readonly FieldCondition[] } => {
  const { failed_attempt_threshold: threshold, cooldown_until } = instance
  if (worked) return { add: 1, ...(threshold > 1 ? {} : { cooldown_until: cooldownUntil({ ...instance, failures: 1 }, now_ms) }), conditions: [] }
  const cooling = healthOf(instance) === 'degraded' && cooldown_until !== undefined && millis(cooldown_until) > now_ms
  if (cooling) return { add: 0, cooldown_until, conditions: [{ field: 'failures', is: 'at_least', value: threshold }] }
  const after = { ...instance, failures: instance.failures + 1 }
  if (healthOf(after) !== 'degraded') return { add: 1, conditions: [{ field: 'failures', is: 'at_most', value: threshold - 2 }] }
  return { add: 1, cooldown_until: cooldownUntil(after, now_ms), conditions: [{ field: 'failures', is: 'at_least', value: threshold - 1 }] }
}

/** As the class was when the attempt ended, and as it is since. From `degraded` to `degraded`: its probe has failed, and it cools down for longer. */
export interface HealthChange {
  readonly from: Health
  readonly to: Health
  readonly failed_attempts: number
  readonly cooldown_until?: Timestamp
}

/** How the end of an attempt changes the health of its class; undefined where it does not. */
export const healthChange = (instance: Instance, { worked, failed }: Shown, now_ms: number): HealthChange | undefined => {
  const from = healthOf(instance)
  if (!worked && !failed) return undefined
  const { add, cooldown_until } = failed ? failureOf(instance, worked, now_ms) : { add: 0 }
  const failed_attempts = (worked ? 0 : instance.failures) + add
  const to = healthOf({ ...instance, failures: failed_attempts })
  if (from === to && (to !== 'degraded' || add === 0)) return undefined
  return { from, to, failed_attempts, ...(cooldown_until === undefined ? {} : { cooldown_until }) }
}
