/**
 * Signals over SQS. Doorbells for one class, one session or one run share a message group, so that one worker at a time
 * looks at it. Each message has a deduplication id of its own: a doorbell that rings twice within five minutes may
 * announce two things, and must not be swallowed.
 */
import { createHash } from 'node:crypto'
import { SendMessageBatchCommand, type SendMessageBatchRequestEntry, type SQSClient } from '@aws-sdk/client-sqs'
import { default_backoff, pause, type Backoff } from '../backoff.ts'
import type { Ids, Signal, Signals } from '../ports.ts'

type QueueName = 'dispatch' | 'attempt_events' | 'wake'

export interface SqsSignalsOptions {
  readonly client: SQSClient
  /** For deduplication ids. */
  readonly ids: Ids
  /** Queue URLs. A function has those that it may send to; a signal for another is an error. */
  readonly queues: { readonly [Q in QueueName]?: string | undefined }
  readonly backoff?: Backoff
}

/** SendMessageBatch takes no more entries, and at most this many bytes of bodies in all. */
const batch_entries_max = 10
const batch_bytes_max = 256 * 1024
/** SQS delays a message no longer; the sweep hands over what is further off. */
const delay_s_max = 900

interface Message {
  readonly queue: QueueName
  readonly entry: Omit<SendMessageBatchRequestEntry, 'Id'> & { readonly MessageBody: string }
}

/** A session's id may be longer than a group's, which has at most 128 characters. */
const sessionGroup = (workspace_id: string, session_id: string) =>
  `${workspace_id}#session#${createHash('sha256').update(session_id).digest('hex').slice(0, 32)}`

/** What goes through a queue. */
type Queued = Exclude<Signal, { kind: 'ring' }>

const messageOf = (signal: Queued, ids: Ids): Message => {
  switch (signal.kind) {
    case 'class':
      return {
        queue: 'dispatch',
        entry: { MessageBody: JSON.stringify(signal), MessageGroupId: `${signal.workspace_id}#${signal.class_key}`, MessageDeduplicationId: ids.secret() },
      }
    case 'session':
      return {
        queue: 'dispatch',
        entry: {
          MessageBody: JSON.stringify(signal),
          MessageGroupId: sessionGroup(signal.workspace_id, signal.session_id),
          MessageDeduplicationId: ids.secret(),
        },
      }
    case 'ceiling':
      return {
        queue: 'dispatch',
        entry: { MessageBody: JSON.stringify(signal), MessageGroupId: `ceiling#${signal.owner}`, MessageDeduplicationId: ids.secret() },
      }
    case 'attempt':
      return {
        queue: 'attempt_events',
        entry: { MessageBody: JSON.stringify(signal.event), MessageGroupId: signal.event.run_id, MessageDeduplicationId: ids.secret() },
      }
    case 'schedule':
      return {
        queue: 'wake',
        entry: {
          MessageBody: JSON.stringify({ workspace_id: signal.workspace_id, schedule_id: signal.schedule_id }),
          DelaySeconds: 0,
          MessageGroupId: signal.workspace_id,
        },
      }
    case 'task':
      return {
        queue: 'wake',
        entry: {
          MessageBody: JSON.stringify({ workspace_id: signal.workspace_id, task_id: signal.task_id }),
          DelaySeconds: Math.min(delay_s_max, Math.max(0, Math.ceil(signal.delay_ms / 1_000))),
          // On a standard queue a group gives no order but a fair share: one workspace's flood does not delay another.
          MessageGroupId: signal.workspace_id,
        },
      }
  }
}

type Entry = Message['entry']

/** In tens, and never more bytes than a call may have. */
const batchesOf = (entries: readonly Entry[]): readonly (readonly Entry[])[] => {
  const batches: Entry[][] = []
  let bytes = 0
  for (const entry of entries) {
    const size = Buffer.byteLength(entry.MessageBody)
    const last = batches.at(-1)
    if (last === undefined || last.length === batch_entries_max || bytes + size > batch_bytes_max) {
      batches.push([entry])
      bytes = size
    } else {
      last.push(entry)
      bytes += size
    }
  }
  return batches
}

/** Sends one batch. What SQS could not take is sent again, what it will never take is an error. */
const sendBatch = async ({ client, backoff = default_backoff }: SqsSignalsOptions, QueueUrl: string, batch: readonly Entry[]): Promise<void> => {
  let left = batch.map((entry, position) => ({ Id: String(position), ...entry }))
  for (let tried = 1; ; tried += 1) {
    const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries: left }))
    const [first] = Failed
    if (first === undefined) return
    if (tried >= backoff.attempts_max || Failed.some(({ SenderFault }) => SenderFault === true))
      throw new Error(`SQS did not take ${Failed.length} of ${batch.length} messages: ${first.Code ?? ''} ${first.Message ?? ''}`)
    await pause(backoff, tried)
    left = left.filter(({ Id }) => Failed.some((failed) => failed.Id === Id))
  }
}

const queueUrl = ({ queues }: SqsSignalsOptions, name: QueueName): string => {
  const url = queues[name]
  if (url === undefined || url === '') throw new Error(`this function has no queue ${name}`)
  return url
}

/** The signals of this process. Every batch is tried even where another fails; then the first failure is thrown. */
export const sqsSignals = (options: SqsSignalsOptions): Signals => ({
  send: async (signals) => {
    const queued = signals.filter((signal): signal is Queued => signal.kind !== 'ring')
    const messages = queued.map((signal) => messageOf(signal, options.ids))
    const by_queue = Map.groupBy(messages, ({ queue }) => queue)
    const sent = await Promise.allSettled(
      [...by_queue].flatMap(([name, group]) =>
        batchesOf(group.map(({ entry }) => entry)).map(async (batch) => sendBatch(options, queueUrl(options, name), batch)),
      ),
    )
    for (const result of sent) if (result.status === 'rejected') throw new Error('signals were not sent', { cause: result.reason })
  },
})
