/**
 * One run of the simulator: the seed lets clients, queues, runners, compute, the scheduler and the clock do what they please, while calls
 * fail and handlers die; then the faults stop, and the plane must come to rest within bounded virtual time with every invariant true.
 */
import { UnavailableError } from '../../shared/ports/backoff.ts'
import { actOnce } from './acts.ts'
import type { FaultCounts } from './faults.ts'
import { InjectedError, type Gate, type Passage } from './gates.ts'
import { comeToRest } from './rest.ts'
import { setUp } from './setup.ts'
import type { TraceLine } from './trace.ts'
import { began_ms, newWorld, type SimulationOptions, type World } from './world.ts'

export interface Simulated {
  readonly seed: number
  /** What went wrong; empty if all is well. */
  readonly violations: readonly string[]
  readonly hash: string
  readonly faults: FaultCounts
  readonly virtual_ms: number
  /** Tasks by the state in which they ended. */
  readonly ends: Readonly<Record<string, number>>
  readonly lines: readonly TraceLine[]
}

/** Some runs are short, so that many are tried, and some long. */
const actsOf = (seed: number): number => 40 + (seed % 60)
const handlers_at_once = 5

const injected = (world: World, { kind, what }: Gate): Passage => {
  const { faults } = world
  if (faults.strikes('call_throttled', 0.004)) return { fail: new UnavailableError(what, { cause: new InjectedError(what, 'before') }) }
  if (faults.strikes('call_failed', 0.004)) return { fail: new InjectedError(what, 'before') }
  if (faults.strikes('call_failed_after', 0.004)) return 'fail_after'
  if (faults.strikes('handler_killed', 0.004)) return 'die'
  if (faults.strikes('handler_killed_after', 0.004)) return 'die_after'
  if (kind === 'commit' && faults.strikes('commit_cancelled', 0.01))
    return { fail: new UnavailableError('the table', { cause: new InjectedError(what, 'instead of') }) }
  return 'pass'
}

const shown = (how: Passage): string => (typeof how === 'string' ? how : how.fail.name)

/** Lets one of the waiting calls go on, or keeps it back. @returns false where every call is kept back */
export const openOne = async (world: World): Promise<boolean> => {
  const ready = world.gates.standing.filter((gate) => gate.opens_at_ms <= world.now_ms)
  if (ready.length === 0) return false
  const gate = world.random.pick(ready)
  const lane = `handler ${gate.flow}`
  if (gate.opens_at_ms === 0 && world.faults.strikes('call_delayed', 0.01)) {
    gate.opens_at_ms = world.now_ms + world.random.int(45_000)
    world.trace.add(world.now_ms, lane, `${gate.what} takes long`, true)
    return true
  }
  const how = injected(world, gate)
  const flow = world.flows.get(gate.flow)
  if (how !== 'pass' && flow !== undefined) flow.hurt = true
  world.trace.add(world.now_ms, lane, how === 'pass' ? gate.what : `${gate.what}: ${shown(how)}`, how !== 'pass')
  await world.gates.open(gate, how)
  return true
}

/** Until no handler runs. Calls that are kept back make time pass. */
export const openAll = async (world: World): Promise<void> => {
  for (let calls = 0; world.gates.standing.length > 0; calls += 1) {
    if (calls > 20_000) throw new Error('handlers never end')
    if (!(await openOne(world))) world.now_ms = Math.min(...world.gates.standing.map(({ opens_at_ms }) => opens_at_ms))
  }
}

/** The plane did what it must not. */
export class Violation extends Error {}

/** Throws at the first violation, so that the trace ends there. */
export const check = (world: World): void => {
  const wrong = [...world.violations, ...world.gates.bugs]
  if (wrong.length > 0) throw new Violation(wrong.slice(0, 3).join('\n'))
}

const unruly = async (world: World, acts: number): Promise<void> => {
  for (let count = 0; count < acts;) {
    const busy = world.gates.standing.length > 0 && (world.gates.alive() >= handlers_at_once || world.random.chance(0.85))
    if (!busy || !(await openOne(world))) {
      actOnce(world)
      count += 1
    }
    check(world)
  }
}

const endsOf = (world: World): Readonly<Record<string, number>> => {
  const ends: Record<string, number> = {}
  for (const { state } of world.journal.all('task')) ends[state] = (ends[state] ?? 0) + 1
  return ends
}

/** Simulates one seed. It does not throw for what it finds. */
export const simulate = async (options: SimulationOptions): Promise<Simulated> => {
  const world = newWorld(options)
  const violations: string[] = []
  try {
    await setUp(world)
    await unruly(world, options.acts ?? actsOf(options.seed))
    await comeToRest(world)
  } catch (cause) {
    violations.push(cause instanceof Violation ? cause.message : cause instanceof Error ? (cause.stack ?? cause.message) : String(cause))
    world.trace.add(world.now_ms, 'checker', violations.join(' '), true)
  }
  return {
    seed: options.seed,
    violations,
    hash: world.trace.hash(),
    faults: world.faults.counts(),
    virtual_ms: world.now_ms - began_ms,
    ends: endsOf(world),
    lines: world.trace.lines,
  }
}
