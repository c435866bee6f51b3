import { expect, test } from 'vitest'
import { resolveStack } from '../template/resolved.ts'
import { Template } from '../template/template.ts'
import { handTimers } from '../testing/hand-timers.ts'
import { makeQueue, type Queue } from '../sqs/queue.ts'
import { intervalOf, startScheduler } from './scheduler.ts'

test.each([
  ['rate(1 minute)', 60_000],
  ['rate(5 minutes)', 300_000],
  ['rate(2 hours)', 7_200_000],
  ['rate(1 day)', 86_400_000],
])('%s', (expression, expected) => {
  expect(intervalOf(expression)).toBe(expected)
})

test.each(['cron(0 * * * ? *)', 'at(2026-01-01T00:00:00)', 'rate(0 minutes)', 'rate(1 second)'])('%s is refused by name', (expression) => {
  expect(() => intervalOf(expression)).toThrow(expression)
})

const arn = 'arn:aws:sqs:us-east-1:000000000000:q'
const setUp = (every_ms?: number) => {
  const timers = handTimers(0)
  const common = {
    fifo: false,
    content_based_deduplication: false,
    deduplication_per_group: false,
    visibility_ms: 1,
    delay_ms: 0,
    wait_ms: 0,
    bytes_max: 1_000,
  }
  const queue = makeQueue({ ...common, name: 'q', arn, url: '' }, timers)
  const Input = '{"at":"<aws.scheduler.scheduled-time>"}'
  const template = Template.parse({
    Resources: {
      On: { Type: 'AWS::Scheduler::Schedule', Properties: { ScheduleExpression: 'rate(1 minute)', Target: { Arn: arn, Input } } },
      Off: { Type: 'AWS::Scheduler::Schedule', Properties: { ScheduleExpression: 'rate(1 minute)', State: 'DISABLED', Target: { Arn: arn } } },
    },
  })
  const stack = resolveStack(
    { stack_name: 'S', template, assets: new Map() },
    {},
    { region: 'us-east-1', account: '000000000000', stack_name: 'S', api_url: '', sqs_url: '' },
  )
  const queues = new Map<string, Queue>([['q', queue]])
  const scheduler = startScheduler(stack, queues, new Map(), { timers, every_ms, on_failed: () => undefined })
  const fires = () => queue.counts().waiting
  return { timers, queue, scheduler, fires }
}

test('a schedule fires at the start, for what fell while nothing ran, and then by its rate', () => {
  const { timers, queue, scheduler, fires } = setUp()
  timers.advance(0)
  expect(fires()).toBe(1)
  timers.advance(59_999)
  expect(fires()).toBe(1)
  timers.advance(1)
  expect(fires()).toBe(2)
  expect(queue.receive(10).map(({ message }) => message.body)).toEqual(['{"at":"1970-01-01T00:00:00Z"}', '{"at":"1970-01-01T00:01:00Z"}'])
  scheduler.stop()
  timers.advance(600_000)
  expect(timers.pending() - 2).toBeLessThanOrEqual(0)
})

test('a test may let it fire faster', () => {
  const { timers, fires } = setUp(100)
  timers.advance(1_000)
  expect(fires()).toBe(11)
})
