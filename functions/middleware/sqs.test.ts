import type { Context, SQSRecord } from 'aws-lambda'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { queueHandler } from './sqs.ts'

const record = (messageId: string, body: unknown, group: string): SQSRecord => ({
  messageId,
  receiptHandle: messageId,
  body: JSON.stringify(body),
  attributes: { ApproximateReceiveCount: '1', SentTimestamp: '0', SenderId: 'x', ApproximateFirstReceiveTimestamp: '0', MessageGroupId: group },
  messageAttributes: {},
  md5OfBody: '',
  eventSource: 'aws:sqs',
  eventSourceARN: 'arn:aws:sqs:eu-west-1:123456789012:q.fifo',
  awsRegion: 'eu-west-1',
})

const context: Context = {
  callbackWaitsForEmptyEventLoop: false,
  functionName: 'f',
  functionVersion: '1',
  invokedFunctionArn: 'arn:f',
  memoryLimitInMB: '1024',
  awsRequestId: 'r',
  logGroupName: 'g',
  logStreamName: 's',
  getRemainingTimeInMillis: () => 1_000,
  done: () => undefined,
  fail: () => undefined,
  succeed: () => undefined,
}
const log = { info: () => undefined, warn: () => undefined, error: () => undefined }

const heard = (settings: { readonly doorbells?: boolean; readonly fail_first?: boolean }) => {
  const seen: string[] = []
  const handler = queueHandler({
    queue: 'fifo',
    schema: z.strictObject({ look_at: z.string() }),
    log,
    ...(settings.doorbells === undefined ? {} : { doorbells: settings.doorbells }),
    handle: async ({ look_at }) => {
      seen.push(look_at)
      if (settings.fail_first === true && seen.length === 1) throw new Error('not now')
    },
  })
  return { seen, ring: async (records: SQSRecord[]) => handler({ Records: records }, context) }
}

const a1 = record('1', { look_at: 'a' }, 'a')
const a2 = record('2', { look_at: 'a' }, 'a')
const b1 = record('3', { look_at: 'b' }, 'b')

test('one look answers all doorbells of a batch that say the same, and the next batch is looked at again', async () => {
  const { seen, ring } = heard({ doorbells: true })
  expect(await ring([a1, a2, b1])).toEqual({ batchItemFailures: [] })
  expect(seen).toEqual(['a', 'b'])
  await ring([a2])
  expect(seen).toEqual(['a', 'b', 'a'])
})

test('a look that failed answers none of them: the group comes again', async () => {
  const { seen, ring } = heard({ doorbells: true, fail_first: true })
  expect(await ring([a1, a2, b1])).toEqual({ batchItemFailures: [{ itemIdentifier: '1' }, { itemIdentifier: '2' }] })
  expect(seen).toEqual(['a', 'b'])
})

test('messages that bring news are each handled', async () => {
  const { seen, ring } = heard({})
  await ring([a1, a2])
  expect(seen).toEqual(['a', 'a'])
})
