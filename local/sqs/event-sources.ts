/** The event source mappings of the template. Source: AWS::Lambda::EventSourceMapping in the CloudFormation reference. */
import * as z from 'zod'
import { functionAt, type Functions } from '../lambda/provision.ts'
import { CfnBoolean, CfnNumber, type ResolvedStack } from '../template/resolved.ts'
import { startEventSource, type EventSource } from './event-source.ts'
import type { Queues } from './server.ts'
import type { Timers } from './timers.ts'

const Mapping = z.looseObject({
  EventSourceArn: z.string(),
  FunctionName: z.string(),
  Enabled: CfnBoolean.default(true),
  BatchSize: CfnNumber.default(10),
  MaximumBatchingWindowInSeconds: CfnNumber.default(0),
  FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')).default([]),
  ScalingConfig: z.looseObject({ MaximumConcurrency: CfnNumber.optional() }).optional(),
  FilterCriteria: z.undefined({ error: 'the local event sources do not filter' }).optional(),
})

/** Lambda starts with five pollers and adds more under load; one machine needs no more than this. */
const default_concurrency = 10

export const startEventSources = (stack: ResolvedStack, queues: Queues, functions: Functions, timers: Timers): EventSource => {
  const sources = stack.of(['AWS::Lambda::EventSourceMapping'], Mapping).flatMap(({ logical_id, properties }) => {
    const queue = queues.get(properties.EventSourceArn.split(':').at(-1) ?? '')
    if (queue === undefined) throw new Error(`event source mapping ${logical_id} reads from ${properties.EventSourceArn}, which is no queue of the template`)
    if (!properties.Enabled) return []
    const called = functionAt(functions, properties.FunctionName)
    const settings = {
      batch_size: properties.BatchSize,
      window_ms: properties.MaximumBatchingWindowInSeconds * 1_000,
      concurrency_max: properties.ScalingConfig?.MaximumConcurrency ?? default_concurrency,
      reports_item_failures: properties.FunctionResponseTypes.length > 0,
      region: stack.surroundings.region,
    }
    return [startEventSource(queue, settings, (event) => called.invoke(event), timers)]
  })
  return {
    stop: async () => {
      await Promise.all(sources.map((source) => source.stop()))
    },
  }
}
