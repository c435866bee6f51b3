/** The queues of the template. Source: AWS::SQS::Queue in the CloudFormation reference; a default is the service's. */
import * as z from 'zod'
import { CfnBoolean, CfnNumber, type ResolvedStack } from '../template/resolved.ts'
import { makeQueue, type Queue } from './queue.ts'
import type { Queues } from './server.ts'
import type { Timers } from './timers.ts'

const QueueProperties = z.looseObject({
  FifoQueue: CfnBoolean.default(false),
  ContentBasedDeduplication: CfnBoolean.default(false),
  DeduplicationScope: z.enum(['queue', 'messageGroup']).default('queue'),
  VisibilityTimeout: CfnNumber.default(30),
  DelaySeconds: CfnNumber.default(0),
  ReceiveMessageWaitTimeSeconds: CfnNumber.default(0),
  MaximumMessageSize: CfnNumber.default(1_048_576),
  RedrivePolicy: z.looseObject({ deadLetterTargetArn: z.string(), maxReceiveCount: CfnNumber }).optional(),
})

export const provisionQueues = (stack: ResolvedStack, timers: Timers): Queues => {
  const queues = new Map<string, Queue>()
  const { sqs_url, account } = stack.surroundings
  for (const { identity, properties } of stack.of(['AWS::SQS::Queue'], QueueProperties)) {
    const { RedrivePolicy: redrive } = properties
    const settings = {
      name: identity.name,
      arn: identity.arn,
      url: `${sqs_url}/${account}/${identity.name}`,
      fifo: properties.FifoQueue,
      content_based_deduplication: properties.ContentBasedDeduplication,
      deduplication_per_group: properties.DeduplicationScope === 'messageGroup',
      visibility_ms: properties.VisibilityTimeout * 1_000,
      delay_ms: properties.DelaySeconds * 1_000,
      wait_ms: properties.ReceiveMessageWaitTimeSeconds * 1_000,
      bytes_max: properties.MaximumMessageSize,
      redrive:
        redrive === undefined
          ? undefined
          : { receives_max: redrive.maxReceiveCount, to: () => queues.get(redrive.deadLetterTargetArn.split(':').at(-1) ?? '') },
    }
    queues.set(identity.name, makeQueue(settings, timers))
  }
  return queues
}
