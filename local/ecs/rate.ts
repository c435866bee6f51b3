/** How many launches ECS takes: a bucket that fills with time. Fargate's is 20 a second, burst 100. */
export interface RateLimit {
  /** True if one more may pass now. */
  take(): boolean
}

export const tokenBucket = (per_s: number, burst: number, now: () => number): RateLimit => {
  let tokens = burst
  let at_ms = now()
  return {
    take: () => {
      const current_ms = now()
      tokens = Math.min(burst, tokens + ((current_ms - at_ms) / 1_000) * per_s)
      at_ms = current_ms
      if (tokens < 1) return false
      tokens -= 1
      return true
    },
  }
}
