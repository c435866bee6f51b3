/** A class with its live runs: the counters are the attempts, and the limit holds. */
import { healthOf } from '../domain/instances.ts'
import { isLive, type Run } from '../domain/run.ts'
import { millis } from '../domain/time.ts'
import { foundIf, type Finding } from './finding.ts'
import type { Instance } from '../domain/instance.ts'

const shown = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ')

/** @param runs all runs of the class whose attempt is live; others do not count */
export const counterFindings = (instance: Instance, runs: readonly Run[]): readonly Finding[] => {
  const count = (status: string): number => runs.filter((run) => run.class_key === instance.class_key && run.attempt.status === status).length
  const truth = { pending: count('pending'), running: count('running'), stopping: count('stopping') }
  const { pending, running, stopping, live } = instance
  const is_true = pending === truth.pending && running === truth.running && stopping === truth.stopping && live === pending + running + stopping
  return foundIf(!is_true, 'counters', instance, () => `${instance.class_key} counts ${shown({ pending, running, stopping, live })}; there are ${shown(truth)}`)
}

/** A class that is degraded and cools down until no time would let one probe after the other through. */
export const healthFindings = (instance: Instance): readonly Finding[] =>
  foundIf(
    healthOf(instance) === 'degraded' && instance.cooldown_until === undefined,
    'cooldown_missing',
    instance,
    () => `${instance.class_key} is degraded by ${instance.failures} failures and has no cool-down`,
  )

/** How many may be live right after an admission. */
export const liveMost = (instance: Instance): number => (healthOf(instance) === 'degraded' ? Math.min(1, instance.limit) : instance.limit)

/**
 * More are live than the limit, and the newest was admitted while it was in force. A limit that was lowered since leaves more alive than it says.
 * @param runs as for `counterFindings` @param skew_ms by which two clocks may differ
 */
export const limitFindings = (instance: Instance, runs: readonly Run[], skew_ms: number): readonly Finding[] => {
  const live = runs.filter((run) => run.class_key === instance.class_key && isLive(run.attempt))
  const newest_ms = Math.max(0, ...live.map((run) => millis(run.attempt.admitted_at)))
  const is_under_it = instance.limit_set_at === undefined || newest_ms > millis(instance.limit_set_at) + skew_ms
  return foundIf(
    live.length > instance.limit && is_under_it,
    'over_limit',
    instance,
    () => `${live.length} attempts of ${instance.class_key} are live, and its limit is ${instance.limit}`,
  )
}
