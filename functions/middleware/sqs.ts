/**
 * Batches of queue messages, with partial failures: a message that fails comes back alone, its neighbours do not. Of a FIFO
 * queue, only the group of the failed message waits for it.
 */
import { BatchProcessor, EventType, SqsFifoPartialProcessorAsync, processPartialResponse } from '@aws-lambda-powertools/batch'
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda'
import type * as z from 'zod'
import type { Log } from '../../shared/ops/log.ts'

export interface QueueHandler<T> {
  readonly queue: 'fifo' | 'standard'
  /** The body of a message, after JSON. One that does not fit fails, and ends in the dead-letter queue. */
  readonly schema: z.ZodType<T>
  readonly log: Log
  readonly handle: (message: T) => Promise<void>
  /**
   * Of a FIFO queue's messages that say the same, one look answers all of a batch: it begins after each of them was rung. Not for
   * messages that bring news.
   */
  readonly doorbells?: boolean
}

export type SqsLambda = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>

/** A Lambda handler over a batch of messages. */
export const queueHandler = <T>({ queue, schema, log, handle, doorbells = false }: QueueHandler<T>): SqsLambda => {
  const one = async (record: SQSRecord): Promise<void> => {
    try {
      await handle(schema.parse(JSON.parse(record.body)))
    } catch (cause) {
      log.error('message_failed', { message_id: record.messageId }, cause)
      throw cause
    }
  }
  const fifo: SqsLambda = async (event, context) => {
    const answered = new Set<string>()
    const unanswered = async (record: SQSRecord): Promise<void> => {
      if (doorbells && answered.has(record.body)) return
      await one(record)
      answered.add(record.body)
    }
    return processPartialResponse(event, unanswered, new SqsFifoPartialProcessorAsync(), { context, throwOnFullBatchFailure: false, skipGroupOnError: true })
  }
  const standard: SqsLambda = async (event, context) =>
    processPartialResponse(event, one, new BatchProcessor(EventType.SQS), { context, throwOnFullBatchFailure: false })
  return queue === 'fifo' ? fifo : standard
}
