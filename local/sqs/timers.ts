/** Time for the queues and the scheduler: tests turn it by hand. */
export interface Timers {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls back once, after `delay_ms`. Returns how to call it off. */
  after(delay_ms: number, callback: () => void): () => void
}

/** The machine's. A pending timer does not keep the process alive. */
export const system_timers: Timers = {
  now: () => Date.now(),
  after: (delay_ms, callback) => {
    const timer = setTimeout(callback, delay_ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
