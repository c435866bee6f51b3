/** The default event bus: the template's rules over the events that the local parts put on it. Source: AWS::Events::Rule in the CloudFormation reference. */
import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import type { Functions } from '../lambda/provision.ts'
import type { Queues } from '../sqs/server.ts'
import type { ResolvedStack } from '../template/resolved.ts'
import { Json } from '../template/template.ts'
import { matchesPattern } from './pattern.ts'
import { deliveryTo, type Deliver } from './targets.ts'

export interface BusEvent {
  readonly source: string
  readonly detail_type: string
  readonly resources: readonly string[]
  readonly detail: { readonly [key: string]: Json }
}
export interface Bus {
  put(event: BusEvent): void
}

const Rule = z.looseObject({
  EventPattern: Json.optional(),
  State: z.enum(['ENABLED', 'DISABLED', 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS']).default('ENABLED'),
  ScheduleExpression: z.undefined({ error: 'schedules belong to EventBridge Scheduler' }).optional(),
  Targets: z
    .array(
      z.looseObject({
        Arn: z.string(),
        Input: z.string().optional(),
        InputPath: z.undefined({ error: 'the local bus does not know InputPath' }).optional(),
        InputTransformer: z.undefined({ error: 'the local bus does not know InputTransformer' }).optional(),
        SqsParameters: z.looseObject({ MessageGroupId: z.string() }).optional(),
      }),
    )
    .default([]),
})

interface RunningRule {
  readonly pattern: Json
  readonly deliveries: readonly { readonly deliver: Deliver; readonly input: unknown }[]
}

const runningRules = (stack: ResolvedStack, queues: Queues, functions: Functions): readonly RunningRule[] =>
  stack.of(['AWS::Events::Rule'], Rule).flatMap(({ properties }) => {
    if (properties.State === 'DISABLED' || properties.EventPattern === undefined) return []
    const deliveries = properties.Targets.map((target) => ({
      deliver: deliveryTo({ arn: target.Arn, message_group_id: target.SqsParameters?.MessageGroupId }, queues, functions),
      input: target.Input === undefined ? undefined : JSON.parse(target.Input),
    }))
    return [{ pattern: properties.EventPattern, deliveries }]
  })

/** @param on_lost told of an event that a target did not take; on AWS it would be retried and go to the target's dead letters */
export const makeBus = (stack: ResolvedStack, queues: Queues, functions: Functions, now: () => number, on_lost: (error: unknown) => void): Bus => {
  const rules = runningRules(stack, queues, functions)
  const { account, region } = stack.surroundings
  return {
    put: (event) => {
      const envelope = {
        version: '0',
        id: randomUUID(),
        'detail-type': event.detail_type,
        source: event.source,
        account,
        time: new Date(now()).toISOString().replace(/\.\d+Z$/, 'Z'),
        region,
        resources: [...event.resources],
        detail: event.detail,
      }
      for (const rule of rules)
        if (matchesPattern(rule.pattern, envelope)) for (const { deliver, input } of rule.deliveries) deliver(input ?? envelope).catch(on_lost)
    },
  }
}
