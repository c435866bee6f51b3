/**
 * Handlers that run at once, one step at a time: each call of a handler through a port stops at a gate until the scheduler lets it through,
 * lets it fail, or lets the handler die there. So a seed decides how handlers interleave.
 */

/** A failure that the simulator put there. Handlers may let it through; every other error is a bug. */
export class InjectedError extends Error {
  constructor(what: string, when: string) {
    super(`${what} failed ${when} its effect`)
    this.name = 'InjectedError'
  }
}

/** Whether the simulator is behind a failure. */
export const isInjected = (cause: unknown): boolean =>
  cause instanceof InjectedError || (cause instanceof Error && cause.cause !== undefined && isInjected(cause.cause))

/** What becomes of a call. `die`: it has no effect and the handler never hears of it; `die_after`: it has. */
export type Passage = 'pass' | 'fail_after' | 'die' | 'die_after' | { readonly fail: Error }
export type CallKind = 'read' | 'commit' | 'send' | 'compute' | 'alarm' | 'file'

export interface Gate {
  readonly flow: number
  readonly kind: CallKind
  readonly what: string
  /** It does not open before. */
  opens_at_ms: number
  open(how: Passage): void
}
export type Call = <T>(kind: CallKind, what: string, effect: () => Promise<T>) => Promise<T>

export interface Gates {
  /** Starts a handler. `call` is its way to the outside. @returns its number */
  start(name: string, handler: (call: Call, flow: number) => Promise<void>): number
  /** The calls that wait, oldest first. */
  readonly standing: readonly Gate[]
  isAlive(flow: number): boolean
  alive(): number
  /** Lets a call go on, and waits until every handler stands at a gate or has ended. */
  open(gate: Gate, how: Passage): Promise<void>
  /** Errors that nobody injected. */
  readonly bugs: string[]
}

/** All promises that can settle have settled: Node drains the microtasks before the next tick. It costs a tenth of a turn of the event loop. */
const settled = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))

const through = async <T>(how: Passage, what: string, effect: () => Promise<T>): Promise<T> => {
  if (typeof how === 'object') throw how.fail
  const value = await effect()
  if (how === 'fail_after') throw new InjectedError(what, 'after')
  return value
}

export const gates = (): Gates => {
  const standing: Gate[] = []
  const alive = new Set<number>()
  const bugs: string[] = []
  let flows = 0
  const kill = (flow: number): void => {
    alive.delete(flow)
    for (let index = standing.length - 1; index >= 0; index -= 1) if (standing[index]?.flow === flow) standing.splice(index, 1)
  }
  const caller =
    (flow: number): Call =>
    (kind, what, effect) =>
      new Promise((resolve, reject) => {
        const open = (how: Passage): void => {
          if (how === 'die' || how === 'die_after') {
            kill(flow)
            if (how === 'die_after') effect().catch((cause: unknown) => bugs.push(String(cause)))
            return
          }
          through(how, what, effect).then(resolve, reject)
        }
        if (alive.has(flow)) standing.push({ flow, kind, what, opens_at_ms: 0, open })
      })
  return {
    bugs,
    standing,
    isAlive: (flow) => alive.has(flow),
    alive: () => alive.size,
    start: (name, handler) => {
      flows += 1
      const flow = flows
      alive.add(flow)
      handler(caller(flow), flow)
        .catch((cause: unknown) => {
          if (!isInjected(cause)) bugs.push(`${name}: ${cause instanceof Error ? cause.stack : String(cause)}`)
        })
        .finally(() => alive.delete(flow))
      return flow
    },
    open: async (gate, how) => {
      standing.splice(standing.indexOf(gate), 1)
      gate.open(how)
      await settled()
    },
  }
}
