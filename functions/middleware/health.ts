/** Tells operators of classes whose health has changed: a log line for each, and a count of those that became degraded, which an alarm watches. */
import type { ClassHealth } from '../../shared/flows/flow.ts'
import type { Log } from '../../shared/ops/log.ts'
import type { Metrics } from '../../shared/ops/metrics.ts'

export const healthTeller =
  (log: Log, metrics: Metrics) =>
  ({ from, to, ...change }: ClassHealth): void => {
    log.warn('class_health_changed', { from, to, ...change })
    if (to === 'degraded' && from !== 'degraded') metrics.count('class_degraded')
  }
