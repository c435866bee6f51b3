/** A queue of SQS, as far as its promises and its bad habits matter: groups, visibility, delays, doubles, losses, dead letters. */
import type { Faults } from './faults.ts'
import type { Seeded } from '../support/seeded.ts'

export interface Message {
  readonly id: string
  readonly body: string
  /** FIFO only: messages of a group are handled one after the other. */
  readonly group: string | undefined
  /** Not received before. */
  visible_at_ms: number
  /** Taken by a handler that has not answered yet. */
  in_flight: boolean
  receives: number
}
export interface Queue {
  readonly name: string
  /** Waiting and in flight, in the order of arrival. */
  readonly messages: Message[]
  readonly dead: Message[]
  send(now_ms: number, body: string, group: string | undefined, delay_ms: number): void
  /** A batch of one group, or of a standard queue in any order; empty where nothing can be received now. */
  receive(now_ms: number, most: number): readonly Message[]
  /** The handler's answer: what it did not fail is gone. */
  settle(batch: readonly Message[], failed: ReadonlySet<string>, now_ms: number): void
  /** Operators send back what lies in the dead-letter queue. */
  redrive(now_ms: number): void
}

/** As in the template: after this many receives a message goes to the dead-letter queue. */
const receives_max = 5
const visibility_ms = 90_000

interface QueueOptions {
  readonly name: string
  readonly fifo: boolean
  readonly random: Seeded
  readonly faults: Faults
  /** For the trace: what becomes of a message. */
  readonly tell: (message_id: string, text: string, is_fault: boolean) => void
}

export const queueOf = ({ name, fifo, random, faults, tell }: QueueOptions): Queue => {
  const messages: Message[] = []
  const dead: Message[] = []
  let sent = 0
  const put = (now_ms: number, body: string, group: string | undefined, delay_ms: number): void => {
    sent += 1
    tell(`${name}-${sent}`, `sent${delay_ms > 0 ? `, for in ${Math.ceil(delay_ms / 1_000)} s` : ''}: ${body}`, false)
    messages.push({ id: `${name}-${sent}`, body, group: fifo ? group : undefined, visible_at_ms: now_ms + delay_ms, in_flight: false, receives: 0 })
  }
  const reappear = (now_ms: number): void => {
    for (const message of messages) if (message.in_flight && message.visible_at_ms <= now_ms) message.in_flight = false
    for (const message of messages.filter((one) => !one.in_flight && one.receives >= receives_max)) {
      messages.splice(messages.indexOf(message), 1)
      dead.push(message)
    }
  }
  /** Handlers died of it again and again, so it went to the dead-letter queue. */
  const diesOut = (message: Message): boolean => {
    if (!faults.strikes('message_redriven', 0.01)) return false
    messages.splice(messages.indexOf(message), 1)
    dead.push(message)
    return true
  }
  const groupsReady = (now_ms: number): readonly string[] => {
    const locked = new Set(messages.filter(({ in_flight }) => in_flight).map(({ group }) => group))
    const ready = messages.filter((message) => message.visible_at_ms <= now_ms && !message.in_flight)
    // A handler that is frozen for longer than a message stays invisible finds another at its work when it goes on.
    const is_free = (group: string | undefined): boolean => !locked.has(group) || faults.strikes('group_overlapped', 0.5)
    return [...new Set(ready.map(({ group }) => group ?? ''))].filter(is_free)
  }
  const ofGroup = (now_ms: number, most: number): Message[] => {
    const groups = groupsReady(now_ms)
    if (groups.length === 0) return []
    const group = random.pick(groups)
    return messages.filter((message) => message.group === group && message.visible_at_ms <= now_ms && !message.in_flight).slice(0, most)
  }
  const anyOf = (now_ms: number, most: number): Message[] => {
    const ready = messages.filter((message) => message.visible_at_ms <= now_ms && !message.in_flight)
    const batch: Message[] = []
    while (ready.length > 0 && batch.length < most) {
      const at = faults.on ? random.int(ready.length) : 0
      if (at > 0) faults.count('message_reordered')
      batch.push(...ready.splice(at, 1))
    }
    return batch
  }
  return {
    name,
    messages,
    dead,
    send: (now_ms, body, group, delay_ms) => {
      if (faults.strikes('message_dropped', 0.05)) return tell(name, `loses ${body}`, true)
      const late_ms = faults.strikes('message_delayed', 0.08) ? random.int(600_000) : 0
      put(now_ms, body, group, delay_ms + late_ms)
      if (faults.strikes('message_doubled', 0.05)) put(now_ms, body, group, delay_ms + random.int(300_000))
    },
    receive: (now_ms, most) => {
      reappear(now_ms)
      const batch = (fifo ? ofGroup(now_ms, most) : anyOf(now_ms, most)).filter((message) => !diesOut(message))
      for (const message of batch) {
        message.in_flight = true
        message.receives += 1
        message.visible_at_ms = now_ms + visibility_ms
        tell(message.id, `received, ${message.receives} times by now`, message.receives > 1)
      }
      return batch
    },
    settle: (batch, failed, now_ms) => {
      for (const message of batch) {
        tell(message.id, failed.has(message.id) ? 'failed' : 'answered', failed.has(message.id))
        if (failed.has(message.id)) message.visible_at_ms = now_ms
        else if (messages.includes(message)) messages.splice(messages.indexOf(message), 1)
      }
    },
    redrive: (now_ms) => {
      for (const message of dead.splice(0)) {
        messages.push({ ...message, visible_at_ms: now_ms, in_flight: false, receives: 0 })
      }
    },
  }
}
