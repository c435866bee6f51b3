import { Metrics as Powertools, MetricUnit } from '@aws-lambda-powertools/metrics'
import { metric_names, metrics_namespace, type Metrics } from '../../shared/ops/metrics.ts'

/** Metrics on Powertools. Each count is a line of its own: a buffer would be shared by the invocations of one local process. */
export const powertoolsMetrics = (service: string): Metrics => {
  const metrics = new Powertools({ namespace: metrics_namespace, serviceName: service })
  return { count: (name) => metrics.singleMetric().addMetric(metric_names[name], MetricUnit.Count, 1) }
}
