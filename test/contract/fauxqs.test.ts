/** The SQS and S3 adapters against the emulator that the local stack runs on. */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { buildApp } from 'fauxqs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { s3_client_settings, s3Files } from '../../shared/ports/aws/files.ts'
import { sqsSignals } from '../../shared/ports/aws/signals.ts'
import { system_ids } from '../../shared/ports/ids.ts'
import type { Signal } from '../../shared/ports/ports.ts'
import { ids, workspace_id } from '../support/records.ts'

const app = buildApp({ logger: false })
const account = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }
let sqs: SQSClient
let s3: S3Client
beforeAll(async () => {
  const endpoint = await app.listen({ host: '127.0.0.1', port: 0 })
  sqs = new SQSClient({ ...account, endpoint, useQueueUrlAsEndpoint: false })
  s3 = new S3Client({ ...account, endpoint, ...s3_client_settings })
})
afterAll(async () => {
  sqs.destroy()
  s3.destroy()
  await app.close()
})

const createQueue = async (name: string): Promise<string> => {
  const fifo = name.endsWith('.fifo')
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: name, ...(fifo ? { Attributes: { FifoQueue: 'true' } } : {}) }))
  return QueueUrl
}

/** Takes messages until so many have come; each poll waits for a second at most. */
const receive = async (QueueUrl: string, count: number): Promise<readonly unknown[]> => {
  const bodies: unknown[] = []
  for (let poll = 0; poll < 20 && bodies.length < count; poll += 1) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }))
    for (const { Body = '', ReceiptHandle } of Messages) {
      bodies.push(JSON.parse(Body))
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
    }
  }
  return bodies
}

test('signals arrive, a repeated doorbell too', async () => {
  const queues = { dispatch: await createQueue('dispatch.fifo'), attempt_events: await createQueue('attempt-events.fifo'), wake: await createQueue('wake') }
  const signals = sqsSignals({ client: sqs, ids: system_ids, queues })
  const doorbell = { kind: 'class', workspace_id, class_key: ids.class(1) } as const
  const session = { kind: 'session', workspace_id, session_id: 'chat:1' } as const
  const event = { workspace_id, run_id: ids.run(1), attempt_no: 1, type: 'stopped', execution_id: 'e', reason: 'gone' } as const
  const wake: Signal = { kind: 'task', workspace_id, task_id: ids.task(1), delay_ms: 1 }
  await signals.send([doorbell, session, { kind: 'attempt', event }, wake])
  await signals.send([doorbell])
  expect(await receive(queues.dispatch, 3)).toEqual(expect.arrayContaining([doorbell, doorbell, session]))
  expect(await receive(queues.attempt_events, 1)).toEqual([event])
  expect(await receive(queues.wake, 1)).toEqual([{ workspace_id, task_id: ids.task(1) }])
})

test('what is put at an upload URL is got from the download URL', async () => {
  await s3.send(new CreateBucketCommand({ Bucket: 'bucket' }))
  const files = s3Files({ client: s3, bucket: 'bucket' })
  const file = { workspace_id, session_id: 'chat:1/a', fencing_token: 3, kind: 'workspace' } as const
  const bytes = new Uint8Array([0, 255, 10, 13, 128])
  const put = await fetch(await files.uploadUrl({ ...file, bytes: bytes.length }), { method: 'PUT', body: bytes })
  expect(put.status).toBe(200)
  expect(new Uint8Array(await (await fetch(await files.downloadUrl(file))).arrayBuffer())).toEqual(bytes)
  await files.putText('commands/one.json', '"é🙂"')
  expect(await files.getText('commands/one.json')).toBe('"é🙂"')
  expect(await files.getText('commands/none.json')).toBeUndefined()
})
