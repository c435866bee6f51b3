/** How the simulation goes on: one call of one handler at a time. */
import { UnavailableError } from '../../shared/ports/backoff.ts'
import { InjectedError, type Gate, type Passage } from './gates.ts'
import { outlived } from './orders.ts'
import type { World } from './world.ts'

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
  const flow = world.flows.get(gate.flow)
  const how = outlived(world, gate, flow) ? 'die' : injected(world, gate)
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
