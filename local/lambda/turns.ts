/** So many at once; the others wait for their turn, in the order they came. */
export interface Turns {
  take<T>(work: () => Promise<T>): Promise<T>
}

export const makeTurns = (at_once_max: number): Turns => {
  const waiting: (() => void)[] = []
  let taken = 0
  const free = () => {
    const next = waiting.shift()
    if (next === undefined) taken -= 1
    else next()
  }
  return {
    take: async (work) => {
      if (taken < at_once_max) taken += 1
      else await new Promise<void>((resolve) => waiting.push(resolve))
      try {
        return await work()
      } finally {
        free()
      }
    },
  }
}
