import { expect, test } from 'vitest'
import * as z from 'zod'
import { handTimers } from '../testing/hand-timers.ts'
import { startEventSource, type EventSourceSettings } from './event-source.ts'
import { makeQueue, type QueueSettings } from './queue.ts'

const settings: EventSourceSettings = { batch_size: 10, window_ms: 0, concurrency_max: 10, reports_item_failures: true, region: 'us-east-1' }
const Batch = z.looseObject({ Records: z.array(z.looseObject({ messageId: z.string(), body: z.string(), eventSourceARN: z.string() })) })

/** A queue, and a function whose invocations a test answers one by one. */
const setUp = (more: Partial<QueueSettings> = {}, source: Partial<EventSourceSettings> = {}) => {
  const timers = handTimers()
  const dead = makeQueue({ ...queueSettings, name: 'dead' }, timers)
  const queue = makeQueue({ ...queueSettings, redrive: { receives_max: 2, to: () => dead }, ...more }, timers)
  const invocations: { readonly bodies: readonly string[]; readonly ids: readonly string[]; answer(result: unknown): Promise<void>; fail(): Promise<void> }[] =
    []
  const invoke = (event: unknown) =>
    new Promise<unknown>((resolve, reject) => {
      const { Records: records } = Batch.parse(event)
      const turn = () => new Promise<void>((done) => setImmediate(done))
      invocations.push({
        bodies: records.map(({ body }) => body),
        ids: records.map(({ messageId }) => messageId),
        answer: async (result) => {
          resolve(result)
          await turn()
        },
        fail: async () => {
          reject(new Error('the function failed'))
          await turn()
        },
      })
    })
  const running = startEventSource(queue, { ...settings, ...source }, invoke, timers)
  return { timers, queue, dead, invocations, running }
}
const queueSettings: QueueSettings = {
  name: 'q',
  arn: 'arn:aws:sqs:us-east-1:000000000000:q',
  url: 'http://127.0.0.1/000000000000/q',
  fifo: false,
  content_based_deduplication: true,
  deduplication_per_group: true,
  visibility_ms: 30_000,
  delay_ms: 0,
  wait_ms: 0,
  bytes_max: 262_144,
}

test('a message is handed over as it comes, and removed when the function is done', async () => {
  const { queue, invocations } = setUp()
  queue.send({ body: 'a' })
  expect(invocations[0]?.bodies).toEqual(['a'])
  await invocations[0]?.answer(undefined)
  expect(queue.counts()).toEqual({ waiting: 0, delayed: 0, in_flight: 0 })
})

test('FIFO: a group has one batch in flight, what gathers meanwhile is the next, and other groups go on', async () => {
  const { queue, invocations } = setUp({ fifo: true })
  for (const body of ['a1', 'a2', 'a3', 'b1']) queue.send({ body, group: body.slice(0, 1) })
  expect(invocations.map(({ bodies }) => bodies)).toEqual([['a1'], ['b1']])
  await invocations[0]?.answer({ batchItemFailures: [] })
  expect(invocations[2]?.bodies).toEqual(['a2', 'a3'])
})

test('an item that is reported as failed stays hidden until its visibility timeout, then goes to the dead letters', async () => {
  const { queue, dead, invocations, timers } = setUp()
  queue.send({ body: 'bad' })
  await invocations[0]?.answer({ batchItemFailures: [{ itemIdentifier: invocations[0].ids[0] }] })
  expect(queue.counts()).toMatchObject({ waiting: 0, in_flight: 1 })
  timers.advance(30_000)
  expect(invocations[1]?.bodies).toEqual(['bad'])
  await invocations[1]?.answer({ batchItemFailures: [{ itemIdentifier: invocations[1].ids[0] }] })
  timers.advance(30_000)
  expect(invocations).toHaveLength(2)
  expect(dead.counts().waiting).toBe(1)
})

test.each([
  ['an error', undefined],
  ['an answer that names an unknown message', { batchItemFailures: [{ itemIdentifier: 'nobody' }] }],
  ['an answer of another shape', { batchItemFailures: 'all' }],
])('%s fails the whole batch', async (_, answer) => {
  const { queue, invocations } = setUp()
  queue.send({ body: 'a' })
  await (answer === undefined ? invocations[0]?.fail() : invocations[0]?.answer(answer))
  expect(queue.counts().in_flight).toBe(1)
})

test('no more batches run at once than the mapping allows', async () => {
  const { queue, invocations } = setUp({}, { concurrency_max: 2, batch_size: 1 })
  for (const body of ['1', '2', '3']) queue.send({ body })
  expect(invocations).toHaveLength(2)
  await invocations[0]?.answer(undefined)
  expect(invocations.map(({ bodies }) => bodies)).toEqual([['1'], ['2'], ['3']])
})

test('a batching window gathers messages until it ends or the batch is full', () => {
  const { queue, invocations, timers } = setUp({}, { window_ms: 500, batch_size: 3 })
  queue.send({ body: '1' })
  queue.send({ body: '2' })
  expect(invocations).toHaveLength(0)
  timers.advance(500)
  expect(invocations[0]?.bodies).toEqual(['1', '2'])
  for (const body of ['3', '4', '5']) queue.send({ body })
  expect(invocations[1]?.bodies).toEqual(['3', '4', '5'])
})

test('after a stop nothing is taken, and the stop waits for what is in flight', async () => {
  const { queue, invocations, running } = setUp()
  queue.send({ body: 'a' })
  let stopped = false
  const stop = running.stop().then(() => (stopped = true))
  await new Promise((resolve) => setImmediate(resolve))
  expect(stopped).toBe(false)
  await invocations[0]?.answer(undefined)
  await stop
  queue.send({ body: 'b' })
  expect(invocations).toHaveLength(1)
})
