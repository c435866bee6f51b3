/** What comes from several sides at once, taken by one. */
export interface Mailbox<T> {
  readonly put: (item: T) => void
  /** The oldest that was not taken; waits for one. */
  readonly take: () => Promise<T>
  /** Resolves when there is one, and leaves it there. */
  readonly arrival: () => Promise<void>
}

export const mailbox = <T>(): Mailbox<T> => {
  const items: T[] = []
  let waiting: (() => void)[] = []
  const arrival = async (): Promise<void> => {
    if (items.length === 0) await new Promise<void>((resolve) => void waiting.push(resolve))
  }
  return {
    put: (item) => {
      items.push(item)
      for (const wake of waiting) wake()
      waiting = []
    },
    take: async () => {
      for (;;) {
        const item = items.shift()
        if (item !== undefined) return item
        await arrival()
      }
    },
    arrival,
  }
}
