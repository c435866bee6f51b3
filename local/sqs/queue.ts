/**
 * One queue in memory: delays, visibility, redrive, FIFO groups and deduplication as SQS has them. Nothing is on disk: every
 * message may be lost, and the plane is built for that. Nothing polls: each delay and each receipt has a timer, and whoever
 * waits is called. Source: Amazon SQS developer guide.
 */
import { makeFlight } from './flight.ts'
import { groupLines, standardLine } from './lines.ts'
import type { Message, Outgoing, Received } from './message.ts'
import { makeSender, type SendResult, type SendSettings } from './send.ts'
import type { Timers } from './timers.ts'

export interface QueueSettings extends SendSettings {
  readonly name: string
  readonly arn: string
  readonly url: string
  readonly visibility_ms: number
  readonly delay_ms: number
  readonly wait_ms: number
  readonly redrive?: { readonly receives_max: number; readonly to: () => Queue | undefined } | undefined
}

export interface ReceiveOptions {
  /** Default: the queue's own. */
  readonly visibility_ms?: number | undefined
  /** At most this many FIFO groups in one receipt. Default: any number. */
  readonly groups_max?: number | undefined
}

export interface Queue {
  readonly settings: QueueSettings
  send(outgoing: Outgoing): SendResult
  /** A message that this queue takes over from another (redrive). */
  accept(message: Message): void
  /** Up to `count` that are there now; it does not wait. */
  receive(count: number, options?: ReceiveOptions): readonly Received[]
  /** False: the handle is of no message in flight. */
  remove(handle: string): boolean
  changeVisibility(handle: string, visibility_ms: number): boolean
  /** Calls `listener` whenever there may be something to receive. Returns how to end that. */
  onAvailable(listener: () => void): () => void
  /** Messages waiting, delayed and in flight. */
  counts(): { readonly waiting: number; readonly delayed: number; readonly in_flight: number }
  /** Forgets everything and calls off all timers. */
  purge(): void
}

/** Messages that are not to be seen yet. */
const makeDelays = (timers: Timers, due: (message: Message) => void) => {
  const cancels = new Map<Message, () => void>()
  return {
    add: (message: Message, delay_ms: number) => {
      const ready = () => {
        cancels.delete(message)
        due(message)
      }
      cancels.set(message, timers.after(delay_ms, ready))
    },
    size: () => cancels.size,
    clear: () => {
      for (const cancel of cancels.values()) cancel()
      cancels.clear()
    },
  }
}

export const makeQueue = (settings: QueueSettings, timers: Timers): Queue => {
  const lines = settings.fifo ? groupLines() : standardLine()
  const listeners = new Set<() => void>()
  const ring = () => {
    for (const listener of Array.from(listeners)) listener()
  }
  const add = (message: Message) => {
    lines.add(message)
    ring()
  }
  const flight = makeFlight(lines, timers, ring)
  const delays = makeDelays(timers, add)
  const prepare = makeSender(settings, timers)
  /** True if the message went to the dead-letter queue instead of to a receiver. */
  const redriven = (message: Message): boolean => {
    const target = settings.redrive === undefined || message.receive_count < settings.redrive.receives_max ? undefined : settings.redrive.to()
    if (target === undefined) return false
    lines.release(message)
    target.accept(message)
    return true
  }
  const receive = (count: number, options: ReceiveOptions = {}): readonly Received[] => {
    const visibility_ms = options.visibility_ms ?? settings.visibility_ms
    for (;;) {
      const taken = lines.take(count, options.groups_max ?? count)
      const handed = taken.filter((message) => !redriven(message)).map((message) => flight.hand(message, visibility_ms))
      if (taken.length === 0 || handed.length > 0) return handed
    }
  }
  return {
    settings,
    send: (outgoing) => {
      const result = prepare(outgoing)
      if (!result.ok || result.doubled) return result
      const delay_ms = outgoing.delay_s === undefined || settings.fifo ? settings.delay_ms : outgoing.delay_s * 1_000
      if (delay_ms > 0) delays.add(result.message, delay_ms)
      else add(result.message)
      return result
    },
    accept: add,
    receive,
    remove: (handle) => {
      const removed = flight.remove(handle)
      if (removed && lines.size() > 0) ring()
      return removed
    },
    changeVisibility: flight.changeVisibility,
    onAvailable: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    counts: () => ({ waiting: lines.size(), delayed: delays.size(), in_flight: flight.size() }),
    purge: () => {
      delays.clear()
      flight.clear()
      for (const message of lines.take(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)) lines.release(message)
    },
  }
}
