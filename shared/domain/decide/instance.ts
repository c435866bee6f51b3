/** What an operator changes at an execution instance: its limit, and its health after a failure that was seen to. */
import { decided, type Decision } from '../decision.ts'
import { freedDue } from '../due.ts'
import { limitOf } from '../instances.ts'
import { timestamp } from '../time.ts'
import { refs } from '../../store/keys.ts'
import type { Agent } from '../agent.ts'
import type { Instance } from '../instance.ts'

export interface InstanceOrder {
  /** A limit that overrides the agent's and the lane's; null takes it back; 0 lets nothing start. */
  readonly desired_dispatch_concurrency?: number | null | undefined
  /** Forgets the failures, so that a degraded class is healthy. */
  readonly reset?: boolean | undefined
}

/**
 * The new limit is on the record that every admission has a condition on, so it holds for whatever is admitted from here on. The
 * class is looked at, by doorbell and by due time in the same write: there may be room now.
 */
export const decideInstanceOrder = (instance: Instance, agent: Agent, order: InstanceOrder, now_ms: number): Decision => {
  const { workspace_id, class_key } = instance
  const desired = order.desired_dispatch_concurrency
  const limit = desired === null ? limitOf(agent, { lane: instance.lane }) : desired
  const reset = order.reset === true
  if (limit === undefined && !reset) return decided([], [], undefined)
  return decided(
    [
      {
        op: 'add_within_limit',
        ref: refs.instance(workspace_id, class_key),
        change: {
          add: {},
          set: {
            due_at: freedDue(now_ms),
            ...(limit === undefined ? {} : { limit, limit_set_at: timestamp(now_ms) }),
            ...(typeof desired === 'number' ? { desired_limit: desired } : {}),
            ...(reset ? { failures: 0 } : {}),
          },
          remove: [...(desired === null ? (['desired_limit'] as const) : []), ...(reset ? (['cooldown_until'] as const) : [])],
        },
        conditions: [],
      },
    ],
    [{ kind: 'class', workspace_id, class_key }],
    undefined,
  )
}
