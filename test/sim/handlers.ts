/** The functions of the plane, as they are deployed, and the ways in which the world calls them. */
import type { Context, SQSEvent } from 'aws-lambda'
import * as z from 'zod'
import { apiHandler } from '../../functions/api/handler.ts'
import { attemptEventsHandler } from '../../functions/attempt-events/handler.ts'
import { doorbellHandler } from '../../functions/doorbell/handler.ts'
import { cronFireHandler } from '../../functions/cron-fire/handler.ts'
import { dispatchHandler } from '../../functions/dispatch/handler.ts'
import { runnerApiHandler } from '../../functions/runner-api/handler.ts'
import { sweepHandler } from '../../functions/sweep/handler.ts'
import { wakeHandler } from '../../functions/wake/handler.ts'
import type { Log } from '../../shared/ops/log.ts'
import { gatewayEvent, lambda_context, type Sent } from '../support/http.ts'
import { skew_max_ms } from '../support/invariants.ts'
import { isInjected } from './gates.ts'
import { depsOf, reportBug, runAs } from './ports.ts'
import { isUnderCeiling } from './orders.ts'
import type { settings } from './settings.ts'
import type { Message, Queue } from './queue.ts'
import type { Flow, World } from './world.ts'

/** What a handler reports as an error is a bug, unless the simulator put it there. */
const log: Log = {
  info: () => undefined,
  warn: () => undefined,
  error: (code, _fields, cause) => {
    if (!isInjected(cause)) reportBug(`${code}: ${cause instanceof Error ? cause.stack : String(cause)}`)
  },
}
const metrics = { count: () => undefined }

const functionsOf = (release: keyof typeof settings) => {
  const deps = depsOf(release)
  const http = { ...deps, log, metrics }
  return {
    api: apiHandler({ ...http, version: '0.0.0', stream_url: '' }),
    'runner-api': runnerApiHandler(deps, http),
    dispatch: dispatchHandler(deps, log),
    attempt_events: attemptEventsHandler(deps, log),
    wake: wakeHandler(deps, log),
    sweep: sweepHandler(deps, log),
    cron_fire: cronFireHandler(deps, log),
    doorbell: doorbellHandler(deps, log),
  }
}
const releases = {
  present: functionsOf('present'),
  next: functionsOf('next'),
  present_under_ceiling: functionsOf('present_under_ceiling'),
  next_under_ceiling: functionsOf('next_under_ceiling'),
}
const releaseOf = (world: World, is_next: boolean) => {
  if (isUnderCeiling(world)) return is_next ? releases.next_under_ceiling : releases.present_under_ceiling
  return is_next ? releases.next : releases.present
}

/** Without the time that is left: from that middy would set a timer of the real clock, which fires in whatever run is on by then. */
const context: Context = { ...lambda_context }
Reflect.deleteProperty(context, 'getRemainingTimeInMillis')

/** Starts an invocation of a function. It runs over the gates, and may die on its way. */
export const invoke = (world: World, name: string, work: (functions: (typeof releases)['present'], flow: Flow) => Promise<void>): number =>
  world.gates.start(name, async (call, number) => {
    const { faults, random, journal } = world
    const skew_ms = faults.strikes('clock_skewed', 0.8) ? random.int(2 * skew_max_ms) - skew_max_ms : 0
    const is_next_release = faults.strikes('old_beside_new', 0.15)
    const flow: Flow = { world, number, name, call, skew_ms, is_next_release, began: journal.step(), hurt: false, commits: 0 }
    world.flows.set(number, flow)
    world.trace.add(world.now_ms, `handler ${number}`, `begins: ${name}`)
    await runAs(flow, () => work(releaseOf(world, is_next_release), flow))
    world.trace.add(world.now_ms, `handler ${number}`, 'ends')
  })
const Answer = z.object({ statusCode: z.int(), body: z.string() })

export interface Answered {
  readonly status: number
  readonly body: unknown
  readonly flow: Flow
}

/** A request over HTTP. `heard` is called with the answer, and never if the handler dies. */
export const request = (world: World, to: 'api' | 'runner-api', method: string, path: string, sent: Sent, heard: (answered: Answered) => void): number =>
  invoke(world, `${method} ${path}`, async (functions, flow) => {
    const answer = Answer.parse(await functions[to](gatewayEvent(method, path, sent), context))
    world.trace.add(world.now_ms, `handler ${flow.number}`, `answers ${answer.statusCode}`)
    heard({ status: answer.statusCode, body: JSON.parse(answer.body), flow })
  })

const sqsEvent = (queue: Queue, batch: readonly Message[]): SQSEvent => ({
  Records: batch.map((message) => ({
    messageId: message.id,
    receiptHandle: message.id,
    body: message.body,
    attributes: {
      ApproximateReceiveCount: String(message.receives),
      SentTimestamp: '0',
      SenderId: 'sim',
      ApproximateFirstReceiveTimestamp: '0',
      ...(message.group === undefined ? {} : { MessageGroupId: message.group }),
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:local:0:${queue.name}`,
    awsRegion: 'local',
  })),
})

/** Gives a batch to the function of a queue, if there is one. @returns false where nothing can be received now */
export const deliver = (world: World, name: keyof World['queues'], most: number): boolean => {
  const queue = world.queues[name]
  const batch = queue.receive(world.now_ms, most)
  if (batch.length === 0) return false
  invoke(world, `${queue.name} ${batch.map(({ id, body }) => `${id} ${body}`).join(' ')}`, async (functions) => {
    const { batchItemFailures } = await functions[name](sqsEvent(queue, batch), context)
    queue.settle(batch, new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)), world.now_ms)
  })
  return true
}

/** The minute schedule fires. */
export const fireSweep = (world: World): void => void invoke(world, 'sweep', async (functions) => void (await functions.sweep()))
