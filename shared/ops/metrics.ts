/** What is counted, by name. The namespace and the names are what dashboards and alarms refer to. */
export const metrics_namespace = 'Lanekeeper'

/** What is counted of the plane as a whole, whichever function notices it. */
export const plane_service = 'plane'

export const metric_names = {
  /** Commands that became a task. Silence: nobody submits. */
  task_accepted: 'TaskAccepted',
  /** Commands that were accepted before. Many of them: clients repeat themselves, or their answers get lost. */
  idempotent_hit: 'IdempotentHit',
  /** Inputs that a run takes. Silence: nobody speaks to what runs. */
  input_accepted: 'InputAccepted',
  /** Classes that became degraded: so many attempts in a row failed that nothing more starts but a probe. Silence: none did. */
  class_degraded: 'ClassDegraded',
  /** Requests answered 500. Silence: no request met a bug. */
  request_failed: 'RequestFailed',
} as const
export type MetricName = keyof typeof metric_names

export interface Metrics {
  count(name: MetricName): void
}
