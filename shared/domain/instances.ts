/** What an execution instance allows: room, health and the circuit breaker (SPEC §5). */
import type { Agent } from './agent.ts'
import type { Instance, Place } from './instance.ts'
import { millis, minute_ms, timestamp, type Timestamp } from './time.ts'

export type Health = 'healthy' | 'warning' | 'degraded'

/** `warning` from half of the threshold on, `degraded` at it. */
export const healthOf = (instance: Pick<Instance, 'failures' | 'failed_attempt_threshold'>): Health => {
  if (instance.failures >= instance.failed_attempt_threshold) return 'degraded'
  return instance.failures >= Math.ceil(instance.failed_attempt_threshold / 2) ? 'warning' : 'healthy'
}

/** The limit in force: an operator's, else 1 for a class with a lane, else the agent's `concurrency`. */
export const limitOf = (agent: Agent, instance: { readonly lane?: string | undefined; readonly desired_limit?: number | undefined }): number =>
  instance.desired_limit ?? (instance.lane === undefined ? agent.config.concurrency : 1)

/** How long a class that failed `failures` times in a row is left alone: 1 min, doubling, 15 min at most. */
export const cooldownUntil = (instance: Pick<Instance, 'failures' | 'failed_attempt_threshold'>, now_ms: number): Timestamp => {
  const doublings = Math.min(4, Math.max(0, instance.failures - instance.failed_attempt_threshold))
  return timestamp(now_ms + Math.min(15, 2 ** doublings) * minute_ms)
}

/** How many attempts may be admitted now. A degraded class lets one probe through once it has cooled down. */
export const roomOf = (instance: Instance, now_ms: number): number => {
  if (healthOf(instance) !== 'degraded') return Math.max(0, instance.limit - instance.live)
  const cooled = instance.cooldown_until === undefined || millis(instance.cooldown_until) <= now_ms
  return cooled && instance.live === 0 && instance.limit > 0 ? 1 : 0
}

/** The first state of a class, made when its first place is looked at. */
export const newInstance = (place: Place, agent: Agent, threshold: number, now_ms: number): Instance => ({
  kind: 'instance',
  workspace_id: place.workspace_id,
  class_key: place.class_key,
  agent_id: place.agent_id,
  ...(place.lane === undefined ? {} : { lane: place.lane }),
  limit: limitOf(agent, place),
  pending: 0,
  running: 0,
  stopping: 0,
  live: 0,
  failures: 0,
  failed_attempt_threshold: threshold,
  created_at: timestamp(now_ms),
  version: 1,
})
