/** The messages of a queue that are in the hands of receivers, each with the timer of its visibility timeout. */
import { randomUUID } from 'node:crypto'
import type { Lines } from './lines.ts'
import type { Message, Received } from './message.ts'
import type { Timers } from './timers.ts'

export interface Flight {
  hand(message: Message, visibility_ms: number): Received
  /** Ends a receipt because the message is done with. False: the handle is of no message in flight. */
  remove(handle: string): boolean
  /** 0: visible again at once. */
  changeVisibility(handle: string, visibility_ms: number): boolean
  size(): number
  clear(): void
}

/** @param reappeared called when a message is visible again */
export const makeFlight = (lines: Lines, timers: Timers, reappeared: () => void): Flight => {
  const receipts = new Map<string, { readonly message: Message; readonly cancel: () => void }>()
  const take = (handle: string): Message | undefined => {
    const receipt = receipts.get(handle)
    receipt?.cancel()
    receipts.delete(handle)
    return receipt?.message
  }
  const reappear = (handle: string) => {
    const message = take(handle)
    if (message === undefined) return
    lines.giveBack(message)
    lines.release(message)
    reappeared()
  }
  const hold = (handle: string, message: Message, visibility_ms: number) =>
    receipts.set(handle, { message, cancel: timers.after(visibility_ms, () => reappear(handle)) })
  return {
    hand: (message, visibility_ms) => {
      message.receive_count += 1
      message.first_received_at_ms ??= timers.now()
      const handle = randomUUID()
      hold(handle, message, visibility_ms)
      return { message, handle }
    },
    remove: (handle) => {
      const message = take(handle)
      if (message !== undefined) lines.release(message)
      return message !== undefined
    },
    changeVisibility: (handle, visibility_ms) => {
      const receipt = receipts.get(handle)
      if (receipt === undefined) return false
      if (visibility_ms === 0) reappear(handle)
      else {
        receipt.cancel()
        hold(handle, receipt.message, visibility_ms)
      }
      return true
    },
    size: () => receipts.size,
    clear: () => {
      for (const handle of Array.from(receipts.keys())) {
        const message = take(handle)
        if (message !== undefined) lines.release(message)
      }
    },
  }
}
