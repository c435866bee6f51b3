/**
 * EventBridge Scheduler for the schedules that the template holds. A fire that fell while the stack was down is made up for by
 * one at the start. Source: Amazon EventBridge Scheduler user guide, "Schedule types".
 */
import * as z from 'zod'
import type { Functions } from '../lambda/provision.ts'
import type { Queues } from '../sqs/server.ts'
import type { Timers } from '../sqs/timers.ts'
import type { ResolvedStack } from '../template/resolved.ts'
import { deliveryTo, type Deliver } from './targets.ts'

const Schedule = z.looseObject({
  ScheduleExpression: z.string(),
  State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
  Target: z.looseObject({ Arn: z.string(), Input: z.string().optional(), SqsParameters: z.looseObject({ MessageGroupId: z.string() }).optional() }),
})

const unit_ms: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 }

/** Milliseconds between fires. @throws for an expression that is not `rate(<n> minutes|hours|days)` */
export const intervalOf = (expression: string): number => {
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? []
  const one_ms = unit_ms[unit ?? '']
  if (one_ms === undefined || Number(count) < 1) throw new Error(`the local scheduler knows rate(<n> minutes|hours|days), not ${expression}`)
  return Number(count) * one_ms
}

export interface Scheduler {
  stop(): void
}

export interface SchedulerOptions {
  readonly timers: Timers
  /** Fires every schedule this often instead, for tests. */
  readonly every_ms?: number | undefined
  readonly on_failed: (error: unknown) => void
}

/** `<aws.scheduler.…>` in the input stands for facts about the fire. */
const payloadOf = (input: string | undefined, scheduled_ms: number, arn: string): unknown => {
  const text = (input ?? '{}')
    .replaceAll('<aws.scheduler.scheduled-time>', new Date(scheduled_ms).toISOString().replace(/\.\d+Z$/, 'Z'))
    .replaceAll('<aws.scheduler.schedule-arn>', arn)
    .replaceAll('<aws.scheduler.attempt-number>', '1')
  return JSON.parse(text)
}

/** Fires now and then every `interval_ms`, by the clock and not by when the last one ended. */
const repeat = (timers: Timers, interval_ms: number, fire: (scheduled_ms: number) => void): (() => void) => {
  let stopped = false
  let call_off = () => {}
  const next = (at_ms: number) => {
    if (stopped) return
    call_off = timers.after(Math.max(0, at_ms - timers.now()), () => {
      fire(at_ms)
      // After a sleep of the machine one fire stands for all that were missed.
      next(Math.max(at_ms + interval_ms, timers.now()))
    })
  }
  next(timers.now())
  return () => {
    stopped = true
    call_off()
  }
}

export const startScheduler = (stack: ResolvedStack, queues: Queues, functions: Functions, options: SchedulerOptions): Scheduler => {
  const stops = stack.of(['AWS::Scheduler::Schedule'], Schedule).flatMap(({ identity, properties }) => {
    const { Target: target } = properties
    const interval_ms = options.every_ms ?? intervalOf(properties.ScheduleExpression)
    const deliver: Deliver = deliveryTo({ arn: target.Arn, message_group_id: target.SqsParameters?.MessageGroupId }, queues, functions)
    if (properties.State === 'DISABLED') return []
    const { arn } = identity
    return [repeat(options.timers, interval_ms, (scheduled_ms) => void deliver(payloadOf(target.Input, scheduled_ms, arn)).catch(options.on_failed))]
  })
  return { stop: () => stops.forEach((stop) => stop()) }
}
