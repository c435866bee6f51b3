/** The alarm clock's adapter, with the SDK, against the local EventBridge Scheduler; and that one by a clock turned by hand. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ActionAfterCompletion,
  ConflictException,
  CreateScheduleCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
  ResourceNotFoundException,
  SchedulerClient,
  ValidationException,
} from '@aws-sdk/client-scheduler'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { listen, type Listener } from '../../local/net/listen.ts'
import { startAlarms, type Alarms } from '../../local/scheduler/alarms.ts'
import { schedulerHandler } from '../../local/scheduler/server.ts'
import { makeQueue, type Queue } from '../../local/sqs/queue.ts'
import { resolveStack } from '../../local/template/resolved.ts'
import { Template } from '../../local/template/template.ts'
import { handTimers, type HandTimers } from '../../local/testing/hand-timers.ts'
import { eventBridgeAlarmClock } from '../../shared/ports/aws/alarm-clock.ts'
import type { AlarmClock } from '../../shared/ports/ports.ts'

const arn = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`
const stack = resolveStack(
  {
    stack_name: 'S',
    template: Template.parse({ Resources: { G: { Type: 'AWS::Scheduler::ScheduleGroup', Properties: { Name: 'group' } } } }),
    assets: new Map(),
  },
  {},
  { region: 'us-east-1', account: '000000000000', stack_name: 'S', api_url: '', sqs_url: '' },
)
const name = { workspace_id: 'ws_1', schedule_id: 'sch_1' }
const settings = { group: 'group', target: arn('target'), role: 'arn:aws:iam::000000000000:role/r', dead_letters: arn('dead') }
const started_ms = Date.parse('2026-11-22T09:00:30Z')

let folder: string
let timers: HandTimers
let queues: Map<string, Queue>
let alarms: Alarms
let listener: Listener
let client: SchedulerClient
let clock: AlarmClock

const start = async (): Promise<void> => {
  alarms = await startAlarms({ folder, stack, queues, functions: new Map(), timers, on_failed: () => undefined, random: (below) => below - 1 })
  listener = await listen(schedulerHandler(alarms))
  client = new SchedulerClient({ endpoint: listener.url, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, maxAttempts: 1 })
  clock = eventBridgeAlarmClock({ client, settings })
}
const stop = async (): Promise<void> => {
  alarms.stop()
  client.destroy()
  await listener.close()
}
const queueOf = (queue_name: string, bytes_max = 10_000): Queue =>
  makeQueue(
    {
      name: queue_name,
      arn: arn(queue_name),
      url: '',
      fifo: false,
      content_based_deduplication: false,
      deduplication_per_group: false,
      visibility_ms: 1,
      delay_ms: 0,
      wait_ms: 0,
      bytes_max,
    },
    timers,
  )
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lk-alarms-'))
  timers = handTimers(started_ms)
  queues = new Map([
    ['target', queueOf('target')],
    ['dead', queueOf('dead')],
    ['small', queueOf('small', 1)],
  ])
  await start()
})
afterEach(async () => {
  await stop()
  await rm(folder, { recursive: true })
})

const settled = () => new Promise((resolve) => setImmediate(resolve))
const advance = async (ms: number): Promise<void> => {
  for (let left = ms; left > 0; left -= 1_000) {
    timers.advance(Math.min(1_000, left))
    await settled()
  }
}
const rung = (queue = 'target'): string[] =>
  (queues.get(queue)?.receive(10) ?? []).map(({ message, handle }) => {
    queues.get(queue)?.remove(handle)
    return message.body
  })
const names = async () => (await client.send(new ListSchedulesCommand({ GroupName: 'group', NamePrefix: 'sch_1-' }))).Schedules?.map((one) => one.Name)
const cron = (expression: string, entry_name = 'sch_1-1') => ({ name: entry_name, expression, timezone: 'UTC', once: false })
const body = (scheduled_at: string) => JSON.stringify({ ...name, scheduled_at })

test('entries are made, changed where they lie, and taken out; repeating it changes nothing', async () => {
  for (let times = 0; times < 2; times += 1) {
    await clock.set(name, { entries: [cron('cron(0 9 * * ? *)'), cron('cron(0 10 * * ? *)', 'sch_1-2')], gone: ['sch_1-at-1'] })
    expect(await names()).toEqual(['sch_1-1', 'sch_1-2'])
  }
  await clock.set(name, { entries: [cron('cron(5 9 * * ? *)')], gone: ['sch_1-2'] })
  expect(await names()).toEqual(['sch_1-1'])
  expect(await client.send(new GetScheduleCommand({ GroupName: 'group', Name: 'sch_1-1' }))).toMatchObject({
    ScheduleExpression: 'cron(5 9 * * ? *)',
    ScheduleExpressionTimezone: 'UTC',
    FlexibleTimeWindow: { Mode: 'OFF' },
    ActionAfterCompletion: ActionAfterCompletion.NONE,
    Target: { Arn: settings.target, RoleArn: settings.role, DeadLetterConfig: { Arn: settings.dead_letters }, RetryPolicy: { MaximumEventAgeInSeconds: 300 } },
  })
  await clock.set(name, { entries: [], gone: ['sch_1-1', 'sch_1-2'] })
  expect(await names()).toEqual([])
})

test('it rings at its times with the time that it was set to, in its zone', async () => {
  await clock.set(name, { entries: [{ ...cron('cron(0/1 10 * * ? *)'), timezone: 'Europe/Berlin' }], gone: [] })
  await advance(90_000)
  expect(rung()).toEqual([body('2026-11-22T09:01:00Z'), body('2026-11-22T09:02:00Z')])
})

test('what rings once is gone then, and what was set before the stack went down rings when it is back', async () => {
  await clock.set(name, {
    entries: [{ name: 'sch_1-at-1', expression: 'at(2026-11-22T09:05:00)', timezone: 'UTC', once: true }, cron('cron(0/2 * * * ? *)')],
    gone: [],
  })
  await stop()
  timers.advance(600_000)
  await start()
  await advance(120_000)
  expect(rung().toSorted()).toEqual([body('2026-11-22T09:05:00Z'), body('2026-11-22T09:12:00Z')])
  await expect.poll(names).toEqual(['sch_1-1'])
})

test('what its target refuses is tried again as the policy says, and then lies in the dead-letter queue', async () => {
  await eventBridgeAlarmClock({ client, settings: { ...settings, target: arn('small') } }).set(name, {
    entries: [{ name: 'sch_1-at-1', expression: 'at(2026-11-22T09:01:00)', timezone: 'UTC', once: true }],
    gone: [],
  })
  await advance(35_000)
  expect(rung('dead')).toEqual([])
  await advance(300_000)
  expect(rung('dead')).toEqual([body('2026-11-22T09:01:00Z')])
})

const entry = {
  Name: 'e',
  GroupName: 'group',
  ScheduleExpression: 'rate(1 minute)',
  FlexibleTimeWindow: { Mode: 'OFF' },
  Target: { Arn: settings.target, RoleArn: settings.role, Input: '{"n":"<aws.scheduler.attempt-number>"}' },
} as const

test('a flexible window rings within it, a disabled entry not at all', async () => {
  await client.send(
    new CreateScheduleCommand({ ...entry, ScheduleExpression: 'cron(1 9 * * ? *)', FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 5 } }),
  )
  await client.send(new CreateScheduleCommand({ ...entry, Name: 'off', State: 'DISABLED' }))
  await advance(300_000)
  expect(rung()).toEqual([])
  await advance(30_000)
  expect(rung()).toEqual(['{"n":"1"}'])
})

test('what AWS refuses is refused with its errors', async () => {
  await client.send(new CreateScheduleCommand(entry))
  await expect(client.send(new CreateScheduleCommand(entry))).rejects.toThrow(ConflictException)
  await expect(client.send(new CreateScheduleCommand({ ...entry, GroupName: 'none' }))).rejects.toThrow(ResourceNotFoundException)
  await expect(client.send(new GetScheduleCommand({ Name: 'none' }))).rejects.toThrow(ResourceNotFoundException)
  for (const wrong of [
    { ScheduleExpression: 'cron(* * * * *)' },
    { ScheduleExpressionTimezone: 'Mars/Olympus' },
    { Target: { ...entry.Target, Arn: arn('none') } },
  ])
    await expect(client.send(new CreateScheduleCommand({ ...entry, Name: 'other', ...wrong }))).rejects.toThrow(ValidationException)
})
