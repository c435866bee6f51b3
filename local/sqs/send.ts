/** What a queue does with what a sender gives: it checks it, and for a FIFO queue finds the message that it doubles. */
import { createHash } from 'node:crypto'
import { makeMessage, type Message, type Outgoing } from './message.ts'
import type { Timers } from './timers.ts'

/** `doubled`: an earlier message with this deduplication id stands for it; nothing is added. */
export type SendResult =
  | { readonly ok: true; readonly message: Message; readonly doubled: boolean }
  | { readonly ok: false; readonly code: string; readonly reason: string }

export interface SendSettings {
  readonly fifo: boolean
  readonly content_based_deduplication: boolean
  /** Two messages of different groups may have one deduplication id. */
  readonly deduplication_per_group: boolean
  readonly bytes_max: number
}

/** SQS: messages with one deduplication id within five minutes are one. */
const dedup_window_ms = 300_000
const dedup_ids_max = 100_000

interface Remembered {
  readonly message: Message
  readonly at_ms: number
}

const dedupMemory = (timers: Timers) => {
  const seen = new Map<string, Remembered>()
  const forget = () => {
    const oldest_ms = timers.now() - dedup_window_ms
    for (const [key, entry] of seen) {
      if (entry.at_ms > oldest_ms && seen.size <= dedup_ids_max) return
      seen.delete(key)
    }
  }
  return {
    find: (key: string): Message | undefined => {
      forget()
      return seen.get(key)?.message
    },
    remember: (key: string, message: Message) => void seen.set(key, { message, at_ms: timers.now() }),
  }
}

const refused = (code: string, reason: string): SendResult => ({ ok: false, code, reason })

/** Checks what a sender gave, and makes of it a message or the message that it doubles. */
export const makeSender = (settings: SendSettings, timers: Timers) => {
  const memory = dedupMemory(timers)
  let sequence = 0
  const fifo = (outgoing: Outgoing): SendResult => {
    const { group } = outgoing
    if (group === undefined || group === '') return refused('MissingParameter', 'The request must contain the parameter MessageGroupId.')
    if ((outgoing.delay_s ?? 0) !== 0) return refused('InvalidParameterValue', 'A FIFO queue takes no DelaySeconds per message.')
    const dedup_id = outgoing.dedup_id ?? (settings.content_based_deduplication ? createHash('sha256').update(outgoing.body).digest('hex') : undefined)
    if (dedup_id === undefined)
      return refused('InvalidParameterValue', 'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly')
    const key = settings.deduplication_per_group ? `${group}\n${dedup_id}` : dedup_id
    const first = memory.find(key)
    if (first !== undefined) return { ok: true, message: first, doubled: true }
    sequence += 1
    const message = makeMessage(outgoing, timers.now(), { group, dedup_id, sequence: String(sequence).padStart(20, '0') })
    memory.remember(key, message)
    return { ok: true, message, doubled: false }
  }
  return (outgoing: Outgoing): SendResult => {
    if (outgoing.body === '') return refused('MissingParameter', 'The request must contain the parameter MessageBody.')
    if (Buffer.byteLength(outgoing.body) > settings.bytes_max)
      return refused('InvalidParameterValue', `One or more parameters are invalid. Reason: Message must be shorter than ${settings.bytes_max} bytes.`)
    if (settings.fifo) return fifo(outgoing)
    if (outgoing.delay_s !== undefined && (outgoing.delay_s < 0 || outgoing.delay_s > 900))
      return refused('InvalidParameterValue', `Value ${outgoing.delay_s} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.`)
    return { ok: true, message: makeMessage(outgoing, timers.now()), doubled: false }
  }
}
