/** One ring of an alarm: delivered, tried again as its retry policy says, and given to its dead-letter queue in the end. */
import type { Deliver } from '../events/targets.ts'
import type { Queue } from '../sqs/queue.ts'
import type { Timers } from '../sqs/timers.ts'
import type { Entry } from './entry.ts'

export interface Ring {
  readonly entry: Entry
  readonly arn: string
  readonly scheduled_ms: number
  readonly deliver: Deliver
  readonly dead_letters: Queue | undefined
  readonly timers: Timers
  readonly on_failed: (error: unknown) => void
}

const retry_first_ms = 1_000
const retry_most_ms = 60_000

/** `<aws.scheduler.…>` in the input stands for facts about the ring. */
export const inputOf = ({ entry, arn, scheduled_ms }: Pick<Ring, 'entry' | 'arn' | 'scheduled_ms'>, execution_id: string, attempt: number): unknown => {
  const text = (entry.Target.Input ?? '{}')
    .replaceAll('<aws.scheduler.scheduled-time>', new Date(scheduled_ms).toISOString().replace(/\.\d+Z$/, 'Z'))
    .replaceAll('<aws.scheduler.schedule-arn>', arn)
    .replaceAll('<aws.scheduler.execution-id>', execution_id)
    .replaceAll('<aws.scheduler.attempt-number>', String(attempt))
  return JSON.parse(text)
}

const giveUp = (ring: Ring, payload: unknown, attempts: number, condition: string, error: unknown): void => {
  ring.on_failed(error)
  const attribute = (StringValue: string) => ({ DataType: 'String', StringValue })
  ring.dead_letters?.send({
    body: JSON.stringify(payload),
    message_attributes: {
      ERROR_CODE: attribute('AWS.Scheduler.InternalServerError'),
      ERROR_MESSAGE: attribute(String(error).slice(0, 1_000)),
      EXHAUSTED_RETRY_CONDITION: attribute(condition),
      RETRY_ATTEMPTS: attribute(String(attempts - 1)),
      SCHEDULED_TIME: attribute(new Date(ring.scheduled_ms).toISOString()),
      SCHEDULE_ARN: attribute(ring.arn),
      TARGET_ARN: attribute(ring.entry.Target.Arn),
    },
  })
}

/** @param ended called once, when the target has taken it or it was given up. @returns how to call off what is still to be tried */
export const ring = (one: Ring, execution_id: string, ended: () => void): (() => void) => {
  const { MaximumEventAgeInSeconds, MaximumRetryAttempts } = one.entry.Target.RetryPolicy
  const began_ms = one.timers.now()
  let stopped = false
  let call_off = () => {}
  const attempt = (number: number): void => {
    const payload = inputOf(one, execution_id, number)
    one.deliver(payload).then(ended, (error: unknown) => {
      if (stopped) return
      const wait_ms = Math.min(retry_most_ms, retry_first_ms * 2 ** (number - 1))
      const too_many = number > MaximumRetryAttempts
      if (too_many || one.timers.now() + wait_ms - began_ms > MaximumEventAgeInSeconds * 1_000) {
        giveUp(one, payload, number, too_many ? 'MaximumRetryAttempts' : 'MaximumEventAgeInSeconds', error)
        ended()
        return
      }
      call_off = one.timers.after(wait_ms, () => attempt(number + 1))
    })
  }
  attempt(1)
  return () => {
    stopped = true
    call_off()
  }
}
