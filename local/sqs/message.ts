/** Messages of the local queues. */
import { createHash, randomUUID } from 'node:crypto'

/** What a sender gives. */
export interface Outgoing {
  readonly body: string
  /** Seconds; absent: the queue's own. */
  readonly delay_s?: number | undefined
  readonly group?: string | undefined
  readonly dedup_id?: string | undefined
  /** Passed on as they came. */
  readonly message_attributes?: Readonly<Record<string, unknown>> | undefined
}

export interface Message {
  readonly id: string
  readonly body: string
  readonly md5: string
  readonly sent_at_ms: number
  readonly message_attributes: Readonly<Record<string, unknown>>
  /** FIFO queues only. */
  readonly group?: string
  readonly dedup_id?: string
  readonly sequence?: string
  receive_count: number
  first_received_at_ms?: number
}

/** A message in the hands of a receiver. The handle is good until the visibility timeout, and for this receipt only. */
export interface Received {
  readonly message: Message
  readonly handle: string
}

export const makeMessage = (
  outgoing: Outgoing,
  now_ms: number,
  fifo?: { readonly group: string; readonly dedup_id: string; readonly sequence: string },
): Message => ({
  id: randomUUID(),
  body: outgoing.body,
  md5: createHash('md5').update(outgoing.body).digest('hex'),
  sent_at_ms: now_ms,
  message_attributes: outgoing.message_attributes ?? {},
  receive_count: 0,
  ...fifo,
})

/** The system attributes that SQS reports of a received message. */
export const systemAttributes = (message: Message): Record<string, string> => ({
  SenderId: '000000000000',
  SentTimestamp: String(message.sent_at_ms),
  ApproximateReceiveCount: String(message.receive_count),
  ApproximateFirstReceiveTimestamp: String(message.first_received_at_ms ?? message.sent_at_ms),
  ...(message.group === undefined ? {} : { MessageGroupId: message.group }),
  ...(message.dedup_id === undefined ? {} : { MessageDeduplicationId: message.dedup_id }),
  ...(message.sequence === undefined ? {} : { SequenceNumber: message.sequence }),
})
