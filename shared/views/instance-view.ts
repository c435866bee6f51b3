import type { InstanceView } from '../contract/instances.ts'
import type { Instance } from '../domain/instance.ts'
import { healthOf } from '../domain/instances.ts'
import { redactText } from '../domain/redact.ts'

/** How many stand in the class's line, as far as it was counted. */
export interface Waiting {
  readonly counted: number
  readonly more: boolean
}

const limitSetBy = (instance: Instance): InstanceView['limit_set_by'] => {
  if (instance.desired_limit !== undefined) return 'operator'
  return instance.lane === undefined ? 'agent' : 'lane'
}

export const instanceView = (instance: Instance, waiting: Waiting): InstanceView => ({
  instance_key: instance.class_key,
  workspace_id: instance.workspace_id,
  agent_id: instance.agent_id,
  ...(instance.lane === undefined ? {} : { lane: redactText(instance.lane) }),
  execution_class_key: instance.class_key,
  status: healthOf(instance),
  failed_attempt_threshold: instance.failed_attempt_threshold,
  failed_attempts: instance.failures,
  desired_dispatch_concurrency: instance.limit,
  limit_set_by: limitSetBy(instance),
  running_attempts: instance.running,
  pending_attempts: instance.pending,
  stopping_attempts: instance.stopping,
  waiting_tasks: waiting.counted,
  waiting_tasks_more: waiting.more,
  ...(instance.last_event_at === undefined ? {} : { last_event_at: instance.last_event_at }),
  ...(instance.cooldown_until === undefined ? {} : { cooldown_until: instance.cooldown_until }),
  created_at: instance.created_at,
})
