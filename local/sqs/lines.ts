/** The messages of a queue that may be received now: one line for a standard queue, a line per message group for a FIFO queue. */
import type { Message } from './message.ts'

export interface Lines {
  add(message: Message): void
  /** Back where it stood: it was received before, and its order holds. Followed by `release`. */
  giveBack(message: Message): void
  /** Up to `count` messages, from at most `groups_max` groups. FIFO: a group with a message in flight gives none. */
  take(count: number, groups_max: number): readonly Message[]
  /** A message that was taken is gone for good, or was given back. */
  release(message: Message): void
  size(): number
}

/** No order is promised; this one keeps it anyway. */
export const standardLine = (): Lines => {
  const line: Message[] = []
  return {
    add: (message) => void line.push(message),
    giveBack: (message) => void line.push(message),
    take: (count) => line.splice(0, count),
    release: () => undefined,
    size: () => line.length,
  }
}

interface Group {
  readonly line: Message[]
  in_flight: number
}

/** Strict order within a group; groups take turns. */
export const groupLines = (): Lines => {
  const groups = new Map<string, Group>()
  /** Groups with something to give, in the order of their turns. */
  const open = new Map<string, Group>()
  let size = 0
  const groupOf = (message: Message): readonly [string, Group] => {
    const name = message.group ?? ''
    const known = groups.get(name)
    if (known !== undefined) return [name, known]
    const made = { line: [], in_flight: 0 }
    groups.set(name, made)
    return [name, made]
  }
  const settle = (name: string, group: Group) => {
    if (group.in_flight > 0 || group.line.length === 0) open.delete(name)
    else if (!open.has(name)) open.set(name, group)
    if (group.in_flight === 0 && group.line.length === 0) groups.delete(name)
  }
  return {
    add: (message) => {
      const [name, group] = groupOf(message)
      group.line.push(message)
      size += 1
      settle(name, group)
    },
    giveBack: (message) => {
      const [, group] = groupOf(message)
      const at = group.line.findIndex((other) => (other.sequence ?? '') > (message.sequence ?? ''))
      group.line.splice(at < 0 ? group.line.length : at, 0, message)
      size += 1
    },
    take: (count, groups_max) => {
      const taken: Message[] = []
      for (const [name, group] of [...open].slice(0, groups_max)) {
        if (taken.length >= count) break
        const part = group.line.splice(0, count - taken.length)
        group.in_flight += part.length
        taken.push(...part)
        settle(name, group)
      }
      size -= taken.length
      return taken
    },
    release: (message) => {
      const [name, group] = groupOf(message)
      group.in_flight -= 1
      settle(name, group)
    },
    size: () => size,
  }
}
