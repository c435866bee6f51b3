/** Bounded retries with full jitter, for noise: throttling, and transactions that met another one. */

export interface Backoff {
  /** 0 up to 1. */
  readonly random: () => number
  readonly sleep: (pause_ms: number) => Promise<void>
  /** Calls in all. */
  readonly attempts_max: number
  /** The longest pause before the second call; it doubles with each. */
  readonly base_ms: number
  readonly cap_ms: number
}

/** About 2 s of patience on average: longer than a burst, shorter than a client's. */
export const default_backoff: Backoff = {
  random: Math.random,
  sleep: (pause_ms) => new Promise((resolve) => setTimeout(resolve, pause_ms)),
  attempts_max: 9,
  base_ms: 20,
  cap_ms: 1_000,
}

/** The pause before the next call. @param tried how many calls were made, from 1 */
export const pause = (backoff: Backoff, tried: number): Promise<void> =>
  backoff.sleep(backoff.random() * Math.min(backoff.cap_ms, backoff.base_ms * 2 ** (tried - 1)))

/** Something outside did not answer, although it was asked again and again. Nothing was changed by the last call. */
export class UnavailableError extends Error {
  constructor(what: string, options: { readonly cause: unknown }) {
    super(`${what} is not available`, options)
    this.name = 'UnavailableError'
  }
}

/**
 * Calls until it works, fails with something that is no noise, or was tried often enough.
 * @throws UnavailableError with the last noise as its cause
 */
export const retried = async <T>(backoff: Backoff, what: string, isNoise: (error: unknown) => boolean, call: () => Promise<T>): Promise<T> => {
  for (let tried = 1; ; tried += 1) {
    try {
      return await call()
    } catch (error) {
      if (!isNoise(error)) throw error
      if (tried >= backoff.attempts_max) throw new UnavailableError(what, { cause: error })
      await pause(backoff, tried)
    }
  }
}
