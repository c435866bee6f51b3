/**
 * EventBridge Scheduler on this machine: groups of the template, entries that the plane makes, each rung at its times by the clock that
 * is given. Entries are kept on disk. What fell while the stack was down does not ring, but for what rings once: that rings at the start.
 */
import { randomInt, randomUUID } from 'node:crypto'
import * as z from 'zod'
import { deliveryTo, type Deliver } from '../events/targets.ts'
import type { Functions } from '../lambda/provision.ts'
import type { Queue } from '../sqs/queue.ts'
import type { Queues } from '../sqs/server.ts'
import type { Timers } from '../sqs/timers.ts'
import type { ResolvedStack } from '../template/resolved.ts'
import { keyOf, type Entry, type StoredEntry } from './entry.ts'
import { entryFiles, type EntryFiles } from './entry-files.ts'
import { parseExpression, type Expression } from './expression.ts'
import { ring } from './ring.ts'

export interface AlarmsOptions {
  readonly folder: string
  readonly stack: ResolvedStack
  readonly queues: Queues
  readonly functions: Functions
  readonly timers: Timers
  /** Told of what could not be delivered. */
  readonly on_failed: (error: unknown) => void
  /** A whole number from 0 and below `below`, for flexible time windows. */
  readonly random?: (below: number) => number
}

export interface Alarms {
  readonly groups: ReadonlySet<string>
  arnOf(entry: Pick<Entry, 'GroupName' | 'Name'>): string
  get(key: string): StoredEntry | undefined
  all(): readonly StoredEntry[]
  /** @throws Error with what is wrong with it */
  put(entry: Entry): Promise<void>
  remove(key: string): Promise<boolean>
  stop(): void
}

interface Running {
  stored: StoredEntry
  readonly expression: Expression
  readonly deliver: Deliver
  readonly dead_letters: Queue | undefined
  stop: () => void
}

/** Node's timers hold no more than 24.8 days. */
const nap_max_ms = 86_400_000

/** Calls back at a time that may be far off. */
const wakeAt = (timers: Timers, at_ms: number, callback: () => void): (() => void) => {
  let call_off = () => {}
  const nap = (): void => {
    const left_ms = at_ms - timers.now()
    call_off = timers.after(Math.max(0, Math.min(left_ms, nap_max_ms)), left_ms > nap_max_ms ? nap : callback)
  }
  nap()
  return () => call_off()
}

const deadLettersOf = ({ queues }: AlarmsOptions, arn: string | undefined): Queue | undefined => {
  if (arn === undefined) return undefined
  const queue = queues.get(arn.split(':').at(-1) ?? '')
  if (queue === undefined) throw new Error(`The dead-letter queue ${arn} does not exist.`)
  return queue
}

/** What the parts below share. */
interface Room {
  readonly options: AlarmsOptions
  readonly files: EntryFiles
  readonly running: Map<string, Running>
  /** How to call off rings that are still tried. */
  readonly ringing: Set<() => void>
  readonly arnOf: Alarms['arnOf']
}

const forget = async ({ running, files }: Room, one: Running): Promise<void> => {
  one.stop()
  const key = keyOf(one.stored.entry)
  if (running.get(key) === one) running.delete(key)
  await files.remove(one.stored)
}

/** What rings once is over, and is deleted if it is to be. */
const completed = (room: Room, one: Running, scheduled_ms: number): void => {
  if (!one.expression.once || room.running.get(keyOf(one.stored.entry)) !== one) return
  one.stored = { ...one.stored, rang_ms: scheduled_ms }
  const kept = one.stored.entry.ActionAfterCompletion === 'DELETE' ? forget(room, one) : room.files.write(one.stored)
  kept.catch(room.options.on_failed)
}

const ringNow = (room: Room, one: Running, scheduled_ms: number): void => {
  const { entry } = one.stored
  const { deliver, dead_letters } = one
  const { timers, on_failed } = room.options
  const stop = ring({ entry, arn: room.arnOf(entry), scheduled_ms, deliver, dead_letters, timers, on_failed }, randomUUID(), () => {
    room.ringing.delete(stop)
    completed(room, one, scheduled_ms)
  })
  room.ringing.add(stop)
}

const waitFrom = (room: Room, one: Running, ref_ms: number): void => {
  const { timers, random = randomInt } = room.options
  const next_ms = one.expression.next(ref_ms)
  if (next_ms === undefined || one.stored.entry.State === 'DISABLED') return
  const window = one.stored.entry.FlexibleTimeWindow
  const late_ms = window.Mode === 'OFF' ? 0 : random(window.MaximumWindowInMinutes * 60_000)
  one.stop = wakeAt(timers, next_ms + late_ms, () => {
    // After a sleep of the machine one ring stands for all that were missed.
    waitFrom(room, one, Math.max(next_ms, timers.now() - 1))
    ringNow(room, one, next_ms)
  })
}

/** @throws Error with what is wrong with it */
const prepare = ({ options }: Room, stored: StoredEntry): Running => {
  const { Target, ScheduleExpression, ScheduleExpressionTimezone } = stored.entry
  return {
    stored,
    expression: parseExpression(ScheduleExpression, ScheduleExpressionTimezone, stored.created_ms),
    deliver: deliveryTo({ arn: Target.Arn, message_group_id: Target.SqsParameters?.MessageGroupId }, options.queues, options.functions),
    dead_letters: deadLettersOf(options, Target.DeadLetterConfig?.Arn),
    stop: () => {},
  }
}

const begin = (room: Room, one: Running, ref_ms: number): void => {
  const key = keyOf(one.stored.entry)
  room.running.get(key)?.stop()
  room.running.set(key, one)
  waitFrom(room, one, ref_ms)
}

/** Entries of the last time. Those of a template before this one have a target that is gone: they are left out. */
const resume = async (room: Room): Promise<void> => {
  for (const stored of await room.files.readAll()) {
    try {
      const one = prepare(room, stored)
      const is_over = one.expression.once && stored.rang_ms !== undefined
      if (!is_over) begin(room, one, one.expression.once ? stored.modified_ms : room.options.timers.now())
    } catch (error) {
      room.options.on_failed(error)
    }
  }
}

export const startAlarms = async (options: AlarmsOptions): Promise<Alarms> => {
  const { timers, stack } = options
  const { region, account } = stack.surroundings
  const running = new Map<string, Running>()
  const arnOf: Alarms['arnOf'] = (entry) => `arn:aws:scheduler:${region}:${account}:schedule/${keyOf(entry)}`
  const room: Room = { options, files: entryFiles(options.folder), running, ringing: new Set(), arnOf }
  await resume(room)
  return {
    groups: new Set(['default', ...stack.of(['AWS::Scheduler::ScheduleGroup'], z.looseObject({})).map(({ identity }) => identity.name)]),
    arnOf,
    get: (key) => running.get(key)?.stored,
    all: () => [...running.values()].map(({ stored }) => stored).toSorted((a, b) => (keyOf(a.entry) < keyOf(b.entry) ? -1 : 1)),
    put: async (entry) => {
      const now_ms = timers.now()
      const stored = { entry, created_ms: running.get(keyOf(entry))?.stored.created_ms ?? now_ms, modified_ms: now_ms }
      const one = prepare(room, stored)
      await room.files.write(stored)
      begin(room, one, now_ms)
    },
    remove: async (key) => {
      const one = running.get(key)
      if (one !== undefined) await forget(room, one)
      return one !== undefined
    },
    stop: () => {
      for (const one of running.values()) one.stop()
      for (const stop of room.ringing) stop()
    },
  }
}
