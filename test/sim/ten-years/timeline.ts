/** What is to happen, in order of time; of one time, in the order in which it was planned. */

export interface Planned {
  readonly at_ms: number
  readonly run: () => Promise<void>
}
export interface Timeline {
  plan(at_ms: number, run: () => Promise<void>): void
  next(): Planned | undefined
}

interface Node extends Planned {
  readonly order: number
}
const isBefore = (a: Node, b: Node): boolean => a.at_ms < b.at_ms || (a.at_ms === b.at_ms && a.order < b.order)

/** A binary heap. */
export const timeline = (): Timeline => {
  const heap: Node[] = []
  let planned = 0
  const swap = (a: number, b: number): boolean => {
    const [first, second] = [heap[a], heap[b]]
    if (first === undefined || second === undefined || !isBefore(first, second)) return false
    heap[a] = second
    heap[b] = first
    return true
  }
  const sink = (): void => {
    for (let at = 0; ;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]]
      if (left === undefined) return
      const child = right !== undefined && isBefore(right, left) ? 2 * at + 2 : 2 * at + 1
      if (!swap(child, at)) return
      at = child
    }
  }
  return {
    plan: (at_ms, run) => {
      planned += 1
      heap.push({ at_ms, run, order: planned })
      for (let at = heap.length - 1; at > 0 && swap(at, (at - 1) >> 1);) at = (at - 1) >> 1
    },
    next: () => {
      const [first] = heap
      const last = heap.pop()
      if (first === undefined || last === undefined || first === last) return first
      heap[0] = last
      sink()
      return first
    },
  }
}
