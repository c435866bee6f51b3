/**
 * What Lambda does for an event source mapping of a queue: takes batches, invokes the function, removes what succeeded.
 * What failed stays hidden until its visibility timeout and is then received again, or goes to the dead-letter queue.
 * A batch holds messages of one group only, so that groups proceed side by side; a group has one batch in flight at most.
 * Source: AWS Lambda developer guide, "Using Lambda with Amazon SQS".
 */
import * as z from 'zod'
import { systemAttributes, type Received } from './message.ts'
import type { Queue } from './queue.ts'
import type { Timers } from './timers.ts'

export interface EventSourceSettings {
  readonly batch_size: number
  /** How long to gather messages before a batch that is not full is handed over. */
  readonly window_ms: number
  readonly concurrency_max: number
  readonly reports_item_failures: boolean
  readonly region: string
}

/** Invokes the function with an event. Rejects if it failed. */
export type Invoke = (event: unknown) => Promise<unknown>

export interface EventSource {
  /** Takes no more batches and waits for those in flight. */
  stop(): Promise<void>
}

const Failures = z.nullish(z.looseObject({ batchItemFailures: z.nullish(z.array(z.looseObject({ itemIdentifier: z.string() }))) }))

const recordOf = ({ message, handle }: Received, queue: Queue, region: string) => ({
  messageId: message.id,
  receiptHandle: handle,
  body: message.body,
  attributes: systemAttributes(message),
  messageAttributes: message.message_attributes,
  md5OfBody: message.md5,
  eventSource: 'aws:sqs',
  eventSourceARN: queue.settings.arn,
  awsRegion: region,
})

/** The ids that the function reported as failed; an answer that makes no sense fails all, as on AWS. */
const failedIds = (answer: unknown, batch: readonly Received[]): ReadonlySet<string> => {
  const parsed = Failures.safeParse(answer)
  const all = new Set(batch.map(({ message }) => message.id))
  if (!parsed.success) return all
  const named = (parsed.data?.batchItemFailures ?? []).map((failure) => failure.itemIdentifier)
  return named.every((id) => all.has(id)) ? new Set(named) : all
}

export const startEventSource = (queue: Queue, settings: EventSourceSettings, invoke: Invoke, timers: Timers): EventSource => {
  const in_flight = new Set<Promise<void>>()
  let stopped = false
  let gathering = false

  const run = async (batch: readonly Received[]) => {
    const event = { Records: batch.map((received) => recordOf(received, queue, settings.region)) }
    try {
      const answer = await invoke(event)
      const failed = settings.reports_item_failures ? failedIds(answer, batch) : new Set<string>()
      for (const { message, handle } of batch) if (!failed.has(message.id)) queue.remove(handle)
    } catch {
      // The host has logged it. The messages stay hidden until their visibility timeout.
    }
  }
  const pump = () => {
    while (!stopped && in_flight.size < settings.concurrency_max) {
      const batch = queue.receive(settings.batch_size, { groups_max: 1 })
      if (batch.length === 0) return
      const running: Promise<void> = run(batch).finally(() => {
        in_flight.delete(running)
        pump()
      })
      in_flight.add(running)
    }
  }
  const rung = () => {
    if (settings.window_ms === 0 || queue.counts().waiting >= settings.batch_size) return pump()
    if (gathering) return
    gathering = true
    timers.after(settings.window_ms, () => {
      gathering = false
      pump()
    })
  }
  const deafen = queue.onAvailable(rung)
  rung()
  return {
    stop: async () => {
      stopped = true
      deafen()
      await Promise.all(in_flight)
    },
  }
}
