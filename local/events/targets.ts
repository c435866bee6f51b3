/** Where rules and schedules deliver: a queue of the template, or a function. */
import type { Functions } from '../lambda/provision.ts'
import { functionAt } from '../lambda/provision.ts'
import type { Queues } from '../sqs/server.ts'

export interface Target {
  readonly arn: string
  /** SqsParameters: the group of a FIFO queue. */
  readonly message_group_id?: string | undefined
}

/** Delivers a payload. Rejects if it could not. */
export type Deliver = (payload: unknown) => Promise<void>

/** How to deliver to a target. Throws, when the stack is provisioned, for a kind of target that nothing here runs. */
export const deliveryTo = (target: Target, queues: Queues, functions: Functions): Deliver => {
  const service = target.arn.split(':')[2]
  if (service === 'lambda') {
    const called = functionAt(functions, target.arn)
    return async (payload) => {
      await called.invoke(payload)
    }
  }
  const queue = service === 'sqs' ? queues.get(target.arn.split(':').at(-1) ?? '') : undefined
  if (queue === undefined) throw new Error(`the local stack cannot deliver events to ${target.arn}`)
  return async (payload) => {
    const sent = queue.send({ body: JSON.stringify(payload), group: target.message_group_id })
    if (!sent.ok) throw new Error(`${target.arn} refused an event: ${sent.code} ${sent.reason}`)
  }
}
