import { expect, test } from 'vitest'
import { handTimers } from '../testing/hand-timers.ts'
import { makeQueue, type Queue, type QueueSettings } from './queue.ts'

const settings = (more: Partial<QueueSettings> = {}): QueueSettings => ({
  name: 'q',
  arn: 'arn:aws:sqs:us-east-1:000000000000:q',
  url: 'http://127.0.0.1/000000000000/q',
  fifo: false,
  content_based_deduplication: false,
  deduplication_per_group: false,
  visibility_ms: 30_000,
  delay_ms: 0,
  wait_ms: 0,
  bytes_max: 262_144,
  ...more,
})
const fifo = { fifo: true, content_based_deduplication: true }
const bodies = (queue: Queue, count = 10, groups_max?: number) => queue.receive(count, { groups_max }).map(({ message }) => message.body)
const only = <T>(items: readonly T[]): T => {
  const [first, ...others] = items
  if (first === undefined || others.length > 0) throw new Error(`one was expected, ${items.length} came`)
  return first
}

test('a message that is not removed is there again after its visibility timeout, and counts its receipts', () => {
  const timers = handTimers()
  const queue = makeQueue(settings(), timers)
  queue.send({ body: 'a' })
  const first = only(queue.receive(10))
  expect(bodies(queue)).toEqual([])
  timers.advance(29_999)
  expect(bodies(queue)).toEqual([])
  timers.advance(1)
  const second = only(queue.receive(10))
  expect(second.message.receive_count).toBe(2)
  expect(queue.remove(first.handle)).toBe(false)
  expect(queue.remove(second.handle)).toBe(true)
  timers.advance(60_000)
  expect(bodies(queue)).toEqual([])
  expect(timers.pending()).toBe(0)
})

test('visibility can be changed while a message is in flight, to nothing too', () => {
  const timers = handTimers()
  const queue = makeQueue(settings(), timers)
  queue.send({ body: 'a' })
  const first = only(queue.receive(1))
  expect(queue.changeVisibility(first.handle, 60_000)).toBe(true)
  timers.advance(59_999)
  expect(bodies(queue)).toEqual([])
  queue.changeVisibility(first.handle, 0)
  expect(bodies(queue)).toEqual(['a'])
  expect(queue.changeVisibility(first.handle, 0)).toBe(false)
})

test('a delayed message appears when its time has come', () => {
  const timers = handTimers()
  const queue = makeQueue(settings({ delay_ms: 1_000, visibility_ms: 10_000_000 }), timers)
  queue.send({ body: 'later', delay_s: 900 })
  queue.send({ body: 'default' })
  queue.send({ body: 'now', delay_s: 0 })
  expect(bodies(queue)).toEqual(['now'])
  timers.advance(1_000)
  expect(bodies(queue)).toEqual(['default'])
  timers.advance(899_000)
  expect(bodies(queue)).toEqual(['later'])
  expect(queue.send({ body: 'x', delay_s: 901 })).toMatchObject({ ok: false, code: 'InvalidParameterValue' })
})

test('a message that was received too often goes to the dead-letter queue and not to a receiver', () => {
  const timers = handTimers()
  const dead = makeQueue(settings({ name: 'dead' }), timers)
  const queue = makeQueue(settings({ redrive: { receives_max: 2, to: () => dead } }), timers)
  queue.send({ body: 'bad' })
  for (let n = 0; n < 2; n += 1) {
    expect(bodies(queue)).toEqual(['bad'])
    timers.advance(30_000)
  }
  queue.send({ body: 'good' })
  expect(bodies(queue)).toEqual(['good'])
  expect(bodies(dead)).toEqual(['bad'])
})

test('FIFO: a group is served in order, has one receipt at a time, and does not hold up another', () => {
  const timers = handTimers()
  const queue = makeQueue(settings(fifo), timers)
  for (const body of ['a1', 'b1', 'a2', 'b2', 'a3']) queue.send({ body, group: body.slice(0, 1) })
  const a = queue.receive(2, { groups_max: 1 })
  expect(a.map(({ message }) => message.body)).toEqual(['a1', 'a2'])
  expect(bodies(queue, 10, 1)).toEqual(['b1', 'b2'])
  expect(bodies(queue)).toEqual([])
  const [first, second] = a
  if (first === undefined || second === undefined) throw new Error('two were received')
  queue.remove(first.handle)
  expect(bodies(queue)).toEqual([])
  queue.changeVisibility(second.handle, 0)
  expect(bodies(queue)).toEqual(['a2', 'a3'])
})

test('FIFO: what was not removed comes again before what came after it', () => {
  const timers = handTimers()
  const queue = makeQueue(settings(fifo), timers)
  for (const body of ['1', '2', '3']) queue.send({ body, group: 'g' })
  queue.receive(2)
  timers.advance(30_000)
  expect(bodies(queue)).toEqual(['1', '2', '3'])
})

test('FIFO: equal deduplication ids count once within five minutes, per group where the queue says so', () => {
  const timers = handTimers()
  const queue = makeQueue(settings(fifo), timers)
  const first = queue.send({ body: 'same', group: 'g' })
  const again = queue.send({ body: 'same', group: 'h' })
  expect(again.ok && first.ok && again.message.id === first.message.id).toBe(true)
  queue.send({ body: 'same', group: 'g', dedup_id: 'named' })
  expect(bodies(queue)).toEqual(['same', 'same'])
  timers.advance(300_000)
  queue.send({ body: 'same', group: 'k' })
  expect(queue.counts().waiting).toBe(3)

  const per_group = makeQueue(settings({ ...fifo, deduplication_per_group: true }), timers)
  for (const group of ['g', 'h', 'g']) per_group.send({ body: 'same', group })
  expect(per_group.counts().waiting).toBe(2)
})

test('FIFO: a group is required, and a deduplication id unless the queue makes one', () => {
  const queue = makeQueue(settings({ fifo: true }), handTimers())
  expect(queue.send({ body: 'a', dedup_id: 'd' })).toMatchObject({ ok: false, code: 'MissingParameter' })
  expect(queue.send({ body: 'a', group: 'g' })).toMatchObject({ ok: false, code: 'InvalidParameterValue' })
})

test('whoever listens is called for a new message, a due one and one that was given back, and not after', () => {
  const timers = handTimers()
  const queue = makeQueue(settings(), timers)
  let calls = 0
  const stop = queue.onAvailable(() => (calls += 1))
  queue.send({ body: 'a' })
  queue.send({ body: 'b', delay_s: 1 })
  expect(calls).toBe(1)
  timers.advance(1_000)
  expect(calls).toBe(2)
  queue.receive(1)
  timers.advance(30_000)
  expect(calls).toBe(3)
  stop()
  queue.send({ body: 'c' })
  expect(calls).toBe(3)
})

test('a purge forgets messages and timers', () => {
  const timers = handTimers()
  const queue = makeQueue(settings(fifo), timers)
  queue.send({ body: 'a', group: 'g' })
  queue.receive(1)
  queue.send({ body: 'b', group: 'g' })
  queue.purge()
  expect(timers.pending()).toBe(0)
  queue.send({ body: 'c', group: 'g' })
  expect(bodies(queue)).toEqual(['c'])
})
