/** What the end of an attempt does to the health of its class (SPEC §5). */
import { cooldownUntil, healthOf, type Health } from '../instances.ts'
import { millis, type Timestamp } from '../time.ts'
import type { Instance } from '../instance.ts'
import type { Outcome } from '../run.ts'
import type { FieldCondition } from '../../store/store.ts'

/** How a failed attempt counts against the health of its class, and on what state of it that was decided. */
export const failureOf = (instance: Instance, now_ms: number): { add: 0 | 1; cooldown_until?: Timestamp; condition: FieldCondition } => {
  const { failed_attempt_threshold: threshold, cooldown_until } = instance
  const cooling = healthOf(instance) === 'degraded' && cooldown_until !== undefined && millis(cooldown_until) > now_ms
  if (cooling) return { add: 0, cooldown_until, condition: { field: 'failures', is: 'at_least', value: threshold } }
  const after = { ...instance, failures: instance.failures + 1 }
  if (healthOf(after) !== 'degraded') return { add: 1, condition: { field: 'failures', is: 'at_most', value: threshold - 2 } }
  return { add: 1, cooldown_until: cooldownUntil(after, now_ms), condition: { field: 'failures', is: 'at_least', value: threshold - 1 } }
}

/** As the class was when the attempt ended, and as it is since. From `degraded` to `degraded`: its probe has failed, and it cools down for longer. */
export interface HealthChange {
  readonly from: Health
  readonly to: Health
  readonly failed_attempts: number
  readonly cooldown_until?: Timestamp
}

/** How the end of an attempt changes the health of its class; undefined where it does not. */
export const healthChange = (instance: Instance, outcome: Outcome, now_ms: number): HealthChange | undefined => {
  const from = healthOf(instance)
  if (outcome === 'cancelled') return undefined
  if (outcome === 'ok') return from === 'healthy' ? undefined : { from, to: 'healthy', failed_attempts: 0 }
  const { add, cooldown_until } = failureOf(instance, now_ms)
  const failed_attempts = instance.failures + add
  const to = healthOf({ ...instance, failures: failed_attempts })
  if (add === 0 || (from === to && to !== 'degraded')) return undefined
  return { from, to, failed_attempts, ...(cooldown_until === undefined ? {} : { cooldown_until }) }
}
