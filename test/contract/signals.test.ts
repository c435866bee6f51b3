import type { SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import type { Backoff } from '../../shared/ports/backoff.ts'
import { system_ids } from '../../shared/ports/ids.ts'
import { queueClient } from '../../shared/ports/aws/clients.ts'
import { sqsSignals } from '../../shared/ports/aws/signals.ts'
import type { Signal, Signals } from '../../shared/ports/ports.ts'
import { ids, workspace_id } from '../support/records.ts'
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.ts'

let server: ScriptedServer
let client: SQSClient
beforeAll(async () => {
  server = await startScriptedServer()
  client = queueClient({ endpoint: server.url, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, maxAttempts: 1, md5: false })
})
afterAll(async () => {
  client.destroy()
  await server.stop()
})

let slept: number
let signals: Signals
const backoff: Backoff = { random: () => 1, sleep: async () => void (slept += 1), attempts_max: 3, base_ms: 1, cap_ms: 1 }
beforeEach(() => {
  slept = 0
  const url = (queue: string) => `${server.url}/123456789012/${queue}`
  signals = sqsSignals({
    client,
    ids: system_ids,
    backoff,
    queues: { dispatch: url('dispatch.fifo'), attempt_events: url('attempt-events.fifo'), wake: url('wake') },
  })
})

const Sent = z.object({
  QueueUrl: z.string(),
  Entries: z.array(
    z.object({
      Id: z.string(),
      MessageBody: z.string(),
      MessageGroupId: z.string(),
      MessageDeduplicationId: z.string().optional(),
      DelaySeconds: z.int().optional(),
    }),
  ),
})
const sent = () => server.asked.map(({ body }) => Sent.parse(body))
const entries = () => sent().flatMap(({ Entries }) => Entries)
const accept = () =>
  server.answerBy((asked) => ({
    body: { Successful: Sent.parse(asked.body).Entries.map(({ Id }) => ({ Id, MessageId: 'm', MD5OfMessageBody: '' })), Failed: [] },
  }))

const class_signal: Signal = { kind: 'class', workspace_id, class_key: ids.class(1) }
const usage = { input_tokens: 1, output_tokens: 1, cache_read_tokens: 0, cache_write_tokens: 0, model_usd: 0 }

test('each kind of signal goes to its queue, in the group of what it names', async () => {
  accept()
  const session_id = `s${'é:/'.repeat(60)}`
  const event = { workspace_id, run_id: ids.run(1), attempt_no: 1, type: 'usage', usage } as const
  await signals.send([
    class_signal,
    { kind: 'session', workspace_id, session_id },
    { kind: 'attempt', event },
    { kind: 'task', workspace_id, task_id: ids.task(1), delay_ms: 1_001 },
  ])
  const by_queue = new Map(
    sent().map(({ QueueUrl, Entries }) => [QueueUrl.split('/').at(-1), Entries.map((entry) => ({ ...entry, MessageBody: JSON.parse(entry.MessageBody) }))]),
  )
  expect(by_queue.get('dispatch.fifo')).toMatchObject([
    { MessageBody: { kind: 'class', workspace_id, class_key: ids.class(1) }, MessageGroupId: `${workspace_id}#${ids.class(1)}` },
    { MessageBody: { kind: 'session', workspace_id, session_id }, MessageGroupId: expect.stringMatching(new RegExp(`^${workspace_id}#session#[0-9a-f]{32}$`)) },
  ])
  expect(by_queue.get('attempt-events.fifo')).toMatchObject([{ MessageBody: event, MessageGroupId: ids.run(1) }])
  expect(by_queue.get('wake')).toEqual([{ Id: '0', MessageBody: { workspace_id, task_id: ids.task(1) }, MessageGroupId: workspace_id, DelaySeconds: 2 }])
  for (const { MessageGroupId } of entries()) expect(MessageGroupId).toMatch(/^[A-Za-z0-9_#]{1,128}$/)
})

test('a doorbell that rings twice is two messages', async () => {
  accept()
  await signals.send([class_signal])
  await signals.send([class_signal, class_signal])
  expect(new Set(entries().map((entry) => entry.MessageDeduplicationId)).size).toBe(3)
})

test('a delay is whole seconds that SQS takes', async () => {
  accept()
  await signals.send([-5, 0, 1, 900_000, 900_001].map((delay_ms) => ({ kind: 'task', workspace_id, task_id: ids.task(1), delay_ms })))
  expect(entries().map((entry) => entry.DelaySeconds)).toEqual([0, 0, 1, 900, 900])
})

test('many go in tens, large ones in fewer, none in no call', async () => {
  accept()
  await signals.send(Array.from({ length: 25 }, () => class_signal))
  expect(
    sent()
      .map(({ Entries }) => Entries.length)
      .toSorted((a, b) => b - a),
  ).toEqual([10, 10, 5])
  accept()
  const result = 'é'.repeat(60_000)
  await signals.send(
    [1, 2, 3].map((n) => ({ kind: 'attempt', event: { workspace_id, run_id: ids.run(n), attempt_no: 1, type: 'finished', outcome: 'ok', result, usage } })),
  )
  expect(
    sent()
      .map(({ Entries }) => Entries.length)
      .toSorted((a, b) => b - a),
  ).toEqual([2, 1])
  accept()
  await signals.send([])
  expect(server.asked).toHaveLength(0)
})

const taking = (ids_taken: (nth: number) => readonly string[], SenderFault = false) =>
  server.answerBy((asked, nth) => {
    const all = Sent.parse(asked.body).Entries.map(({ Id }) => Id)
    return {
      body: {
        Successful: all.filter((Id) => ids_taken(nth).includes(Id)).map((Id) => ({ Id, MessageId: 'm', MD5OfMessageBody: '' })),
        Failed: all.filter((Id) => !ids_taken(nth).includes(Id)).map((Id) => ({ Id, Code: 'InternalError', SenderFault })),
      },
    }
  })

test('what SQS did not take is sent again, and only that', async () => {
  taking((nth) => (nth === 0 ? ['0', '2'] : ['1']))
  await signals.send([class_signal, { ...class_signal, class_key: ids.class(2) }, class_signal])
  expect(sent().map(({ Entries }) => Entries.map(({ Id }) => Id))).toEqual([['0', '1', '2'], ['1']])
  expect(entries()[3]?.MessageDeduplicationId).toBe(entries()[1]?.MessageDeduplicationId)
  expect(slept).toBe(1)
})

test('what SQS never takes is an error, after a few tries or, where it is our fault, at once', async () => {
  taking(() => [])
  await expect(signals.send([class_signal])).rejects.toThrow('not sent')
  expect(server.asked).toHaveLength(3)
  taking(() => [], true)
  await expect(signals.send([class_signal])).rejects.toThrow('not sent')
  expect(server.asked).toHaveLength(1)
})

test('one queue that fails does not keep the others from their messages', async () => {
  server.answerBy((asked) =>
    Sent.parse(asked.body).QueueUrl.endsWith('wake') ? { status: 403, body: { __type: 'AccessDenied' } } : { body: { Successful: [], Failed: [] } },
  )
  const task: Signal = { kind: 'task', workspace_id, task_id: ids.task(1), delay_ms: 0 }
  await expect(signals.send([task, class_signal])).rejects.toThrow('not sent')
  expect(new Set(sent().map(({ QueueUrl }) => QueueUrl.split('/').at(-1)))).toEqual(new Set(['dispatch.fifo', 'wake']))
})

test('a function without the queue says which', async () => {
  const none = sqsSignals({ client, ids: system_ids, queues: {} })
  await expect(none.send([class_signal])).rejects.toMatchObject({ cause: expect.objectContaining({ message: expect.stringContaining('dispatch') }) })
})
