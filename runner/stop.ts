/** Why an attempt has to end before its work is done, and who is told. The first order counts; only a hard one tops it. */

/**
 * Soft orders end the agent, save the session's files and finish: what the plane said, or `sandbox_stopped` when only the sandbox was
 * told to go. Hard ones mean that the attempt has lost its session: kill the agent, store and say nothing.
 */
export type SoftOrder = 'cancel' | 'timeout' | 'budget' | 'sandbox_stopped'
export type HardOrder = 'superseded' | 'lease_lost' | 'plane_lost'
export type StopOrder = SoftOrder | HardOrder

const hard_orders: readonly StopOrder[] = ['superseded', 'lease_lost', 'plane_lost'] satisfies readonly HardOrder[]

export interface Stop {
  request(order: StopOrder): void
  order(): StopOrder | undefined
  isHard(): boolean
  /** Aborted by any order. */
  readonly soft: AbortSignal
  /** Aborted by a hard order only. */
  readonly hard: AbortSignal
}

export const createStop = (): Stop => {
  const soft = new AbortController()
  const hard = new AbortController()
  let ordered: StopOrder | undefined
  return {
    request: (order) => {
      const is_hard = hard_orders.includes(order)
      if (ordered !== undefined && (!is_hard || hard.signal.aborted)) return
      ordered = order
      soft.abort()
      if (is_hard) hard.abort()
    },
    order: () => ordered,
    isHard: () => hard.signal.aborted,
    soft: soft.signal,
    hard: hard.signal,
  }
}

/** Resolves once the signal is aborted. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

/** Waits, but no longer than until the signal is aborted. Leaves no timer and no listener behind. */
export const pause = (duration_ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted === true) return resolve()
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, duration_ms)
    signal?.addEventListener('abort', done, { once: true })
  })
