/** Random choices that a seed repeats. */
export interface Seeded {
  /** 0 up to 1. */
  next(): number
  /** 0 up to, and without, `below`. */
  int(below: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
}

/** Mulberry32: small, and good enough to vary a test. */
export const seeded = (seed: number): Seeded => {
  let state = Math.imul(seed, 0x9e37_79b1) >>> 0
  const next = (): number => {
    state = (state + 0x6d2b_79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (below: number): number => Math.floor(next() * below)
  return {
    next,
    int,
    chance: (probability) => next() < probability,
    pick: (list) => {
      const item = list[int(list.length)]
      if (item === undefined) throw new Error('nothing to pick from')
      return item
    },
  }
}
