/**
 * Handlers that run at once, one step at a time: each call of a handler to the outside stops at a gate until the test lets it
 * through, lets it fail, or lets the handler die there. So a seed decides how handlers interleave.
 */

/** A failure that the test put there. Handlers may let it through; every other error is a bug. */
export class InjectedError extends Error {
  constructor(what: string, when: string) {
    super(`${what} failed ${when} its effect`)
    this.name = 'InjectedError'
  }
}

/** What becomes of a call. `die`: it has no effect and the handler never hears of it; `die_after`: it has. */
export type Passage = 'pass' | 'fail' | 'fail_after' | 'die' | 'die_after'

interface Gate {
  readonly flow: number
  readonly what: string
  open(how: Passage): void
}

export interface Gates {
  /** Starts a handler. `call` is its way to the outside. */
  start(name: string, handler: (call: Call) => Promise<void>): void
  /** How many calls wait. */
  waiting(): number
  /** Handlers that have not ended. */
  running(): number
  /** Opens the nth gate and waits until every handler stands at a gate or has ended. */
  open(index: number, how: Passage): Promise<void>
  /** Errors that no test put there. */
  readonly bugs: string[]
  readonly trace: string[]
}

export type Call = <T>(what: string, effect: () => Promise<T>) => Promise<T>

/** All promises that can settle have settled. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export const gates = (): Gates => {
  const standing: Gate[] = []
  const alive = new Set<number>()
  const bugs: string[] = []
  const trace: string[] = []
  let flows = 0

  const kill = (flow: number): void => {
    alive.delete(flow)
    for (let index = standing.length - 1; index >= 0; index -= 1) if (standing[index]?.flow === flow) standing.splice(index, 1)
  }
  const through = async <T>(how: Passage, what: string, effect: () => Promise<T>): Promise<T> => {
    if (how === 'fail') throw new InjectedError(what, 'before')
    const value = await effect()
    if (how === 'fail_after') throw new InjectedError(what, 'after')
    return value
  }
  const caller =
    (flow: number): Call =>
    (what, effect) =>
      new Promise((resolve, reject) => {
        const open = (how: Passage): void => {
          if (how === 'die' || how === 'die_after') {
            kill(flow)
            if (how === 'die_after') effect().catch((cause: unknown) => bugs.push(String(cause)))
            return
          }
          through(how, what, effect).then(resolve, reject)
        }
        if (alive.has(flow)) standing.push({ flow, what, open })
      })
  const heard = (name: string, cause: unknown): void => {
    const injected = cause instanceof InjectedError
    trace.push(`${name} threw ${String(cause)}`)
    if (!injected) bugs.push(cause instanceof Error ? `${name}: ${cause.stack}` : String(cause))
  }
  return {
    bugs,
    trace,
    start: (name, handler) => {
      flows += 1
      const flow = flows
      alive.add(flow)
      trace.push(`${flow} ${name}`)
      handler(caller(flow))
        .catch((cause: unknown) => heard(`${flow} ${name}`, cause))
        .finally(() => alive.delete(flow))
    },
    waiting: () => standing.length,
    running: () => alive.size,
    open: async (index, how) => {
      const [gate] = standing.splice(index, 1)
      if (gate !== undefined && how !== 'pass') trace.push(`${gate.flow} ${gate.what}: ${how}`)
      gate?.open(how)
      await settled()
    },
  }
}
