/** The queues over HTTP, in the protocol that the AWS SDK speaks. Source: Amazon SQS API reference. */
import * as z from 'zod'
import { AwsError, awsJsonHandler, type Operation } from '../net/aws-json.ts'
import type { HttpHandler } from '../net/listen.ts'
import { systemAttributes, type Received } from './message.ts'
import type { Queue } from './queue.ts'

/** Queues by name. */
export type Queues = ReadonlyMap<string, Queue>

const attributes = z.record(z.string(), z.unknown()).optional()
const Entry = z.looseObject({
  MessageBody: z.string(),
  DelaySeconds: z.number().optional(),
  MessageGroupId: z.string().optional(),
  MessageDeduplicationId: z.string().optional(),
  MessageAttributes: attributes,
})
const Url = z.looseObject({ QueueUrl: z.string() })
const batchOf = <S extends z.ZodType>(entry: S) =>
  Url.extend({
    Entries: z
      .array(z.intersection(z.looseObject({ Id: z.string() }), entry))
      .min(1)
      .max(10),
  })
const Handle = z.looseObject({ ReceiptHandle: z.string() })
const Visibility = Handle.extend({ VisibilityTimeout: z.number().min(0).max(43_200) })
const Receive = Url.extend({
  MaxNumberOfMessages: z.int().min(1).max(10).default(1),
  VisibilityTimeout: z.number().min(0).max(43_200).optional(),
  WaitTimeSeconds: z.number().min(0).max(20).optional(),
})

const parse = <S extends z.ZodType>(schema: S, body: unknown): z.infer<S> => {
  const parsed = schema.safeParse(body)
  if (!parsed.success) throw new AwsError('InvalidParameterValue', z.prettifyError(parsed.error))
  return parsed.data
}

const queueAt = (queues: Queues, url: string): Queue => {
  const queue = queues.get(url.split('/').at(-1) ?? '')
  if (queue !== undefined) return queue
  const headers = { 'x-amzn-query-error': 'AWS.SimpleQueueService.NonExistentQueue;Sender' }
  throw new AwsError('com.amazonaws.sqs#QueueDoesNotExist', 'The specified queue does not exist.', { headers })
}

const send = (queue: Queue, entry: z.infer<typeof Entry>) => {
  const result = queue.send({
    body: entry.MessageBody,
    delay_s: entry.DelaySeconds,
    group: entry.MessageGroupId,
    dedup_id: entry.MessageDeduplicationId,
    message_attributes: entry.MessageAttributes,
  })
  if (!result.ok) throw new AwsError(result.code, result.reason)
  return { MessageId: result.message.id, MD5OfMessageBody: result.message.md5, SequenceNumber: result.message.sequence }
}

const messageOut = ({ message, handle }: Received) => ({
  MessageId: message.id,
  ReceiptHandle: handle,
  MD5OfBody: message.md5,
  Body: message.body,
  Attributes: systemAttributes(message),
  ...(Object.keys(message.message_attributes).length === 0 ? {} : { MessageAttributes: message.message_attributes }),
})

const badHandle = () =>
  new AwsError('com.amazonaws.sqs#ReceiptHandleIsInvalid', 'The input receipt handle is invalid.', {
    headers: { 'x-amzn-query-error': 'ReceiptHandleIsInvalid;Sender' },
  })

/** Deleting twice is no error; changing what is not in flight is. */
const changeVisibility = (queue: Queue, entry: z.infer<typeof Visibility>) => {
  if (!queue.changeVisibility(entry.ReceiptHandle, entry.VisibilityTimeout * 1_000)) throw badHandle()
}

/** Waits for the doorbell of the queue, at most `wait_ms`. */
const available = (queue: Queue, wait_ms: number, gone: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      stop()
      gone.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, wait_ms)
    const stop = queue.onAvailable(done)
    gone.addEventListener('abort', done)
  })

const receive = async (queue: Queue, wanted: z.infer<typeof Receive>, gone: AbortSignal) => {
  const visibility_ms = wanted.VisibilityTimeout === undefined ? undefined : wanted.VisibilityTimeout * 1_000
  const until_ms = performance.now() + (wanted.WaitTimeSeconds === undefined ? queue.settings.wait_ms : wanted.WaitTimeSeconds * 1_000)
  for (;;) {
    const received = gone.aborted ? [] : queue.receive(wanted.MaxNumberOfMessages, { visibility_ms })
    const left_ms = until_ms - performance.now()
    if (received.length > 0 || left_ms <= 0 || gone.aborted) return received.length === 0 ? {} : { Messages: received.map(messageOut) }
    await available(queue, left_ms, gone)
  }
}

const attributesOf = (queue: Queue) => {
  const { settings } = queue
  const counts = queue.counts()
  return {
    QueueArn: settings.arn,
    ApproximateNumberOfMessages: String(counts.waiting),
    ApproximateNumberOfMessagesDelayed: String(counts.delayed),
    ApproximateNumberOfMessagesNotVisible: String(counts.in_flight),
    VisibilityTimeout: String(settings.visibility_ms / 1_000),
    DelaySeconds: String(settings.delay_ms / 1_000),
    ReceiveMessageWaitTimeSeconds: String(settings.wait_ms / 1_000),
    MaximumMessageSize: String(settings.bytes_max),
    ...(settings.fifo ? { FifoQueue: 'true', ContentBasedDeduplication: String(settings.content_based_deduplication) } : {}),
    ...(settings.redrive === undefined
      ? {}
      : { RedrivePolicy: JSON.stringify({ maxReceiveCount: settings.redrive.receives_max, deadLetterTargetArn: settings.redrive.to()?.settings.arn }) }),
  }
}

/** Applies `one` to every entry of a batch; an entry that is refused fails alone. */
const batch = <T extends { readonly Id: string }>(entries: readonly T[], one: (entry: T) => object | void) => {
  const Successful: object[] = []
  const Failed: object[] = []
  for (const entry of entries) {
    try {
      Successful.push({ Id: entry.Id, ...one(entry) })
    } catch (error) {
      if (!(error instanceof AwsError)) throw error
      Failed.push({ Id: entry.Id, SenderFault: true, Code: error.code, Message: error.message })
    }
  }
  return { Successful, Failed }
}

/** Operations with a queue and a parsed body. */
const operations = (queues: Queues): Readonly<Record<string, Operation>> => {
  const on =
    <S extends z.ZodType<{ QueueUrl: string }>>(schema: S, run: (queue: Queue, body: z.infer<S>, gone: AbortSignal) => unknown): Operation =>
    async (raw, gone) => {
      const body = parse(schema, raw)
      return (await run(queueAt(queues, body.QueueUrl), body, gone)) ?? {}
    }
  return {
    SendMessage: on(z.intersection(Url, Entry), (queue, body) => send(queue, body)),
    SendMessageBatch: on(batchOf(Entry), (queue, body) => batch(body.Entries, (entry) => send(queue, entry))),
    ReceiveMessage: on(Receive, receive),
    DeleteMessage: on(z.intersection(Url, Handle), (queue, body) => void queue.remove(body.ReceiptHandle)),
    DeleteMessageBatch: on(batchOf(Handle), (queue, body) => batch(body.Entries, (entry) => void queue.remove(entry.ReceiptHandle))),
    ChangeMessageVisibility: on(z.intersection(Url, Visibility), (queue, body) => changeVisibility(queue, body)),
    ChangeMessageVisibilityBatch: on(batchOf(Visibility), (queue, body) => batch(body.Entries, (entry) => changeVisibility(queue, entry))),
    GetQueueAttributes: on(Url, (queue) => ({ Attributes: attributesOf(queue) })),
    PurgeQueue: on(Url, (queue) => queue.purge()),
    GetQueueUrl: async (raw) => ({ QueueUrl: queueAt(queues, parse(z.looseObject({ QueueName: z.string() }), raw).QueueName).settings.url }),
    ListQueues: async () => ({ QueueUrls: [...queues.values()].map((queue) => queue.settings.url) }),
  }
}

export const sqsHandler = (queues: Queues): HttpHandler => awsJsonHandler('1.0', operations(queues))
