/**
 * One run of the simulator: the seed lets clients, queues, runners, compute, the scheduler and the clock do what they please, while calls
 * fail and handlers die; then the faults stop, and the plane must come to rest within bounded virtual time with every invariant true.
 */
import { actOnce } from './acts.ts'
import { hasQuestions, hasSchedules } from './beginnings.ts'
import type { FaultCounts } from './faults.ts'
import { comeToRest } from './rest.ts'
import { setUp } from './setup.ts'
import { check, openOne, Violation } from './steps.ts'
import type { TraceLine } from './trace.ts'
import { newWorld, type SimulationOptions, type World } from './world.ts'

export interface Simulated {
  readonly seed: number
  /** What went wrong; empty if all is well. */
  readonly violations: readonly string[]
  readonly hash: string
  readonly faults: FaultCounts
  readonly virtual_ms: number
  /** Tasks by the state in which they ended. */
  readonly ends: Readonly<Record<string, number>>
  /** Inputs by what was said of them and how they ended, as in `queued, consumed`. */
  readonly inputs: Readonly<Record<string, number>>
  /** Questions by how they ended. */
  readonly questions: Readonly<Record<string, number>>
  readonly lines: readonly TraceLine[]
}

/** It takes a while until a schedule ticks, and until an agent that asks is through. */
const acts_with_schedules = 80
const acts_with_questions = 140

/** Some runs are short, so that many are tried, and some long. */
export const actsOf = (seed: number): number =>
  40 + (seed % 60) + (hasSchedules(seed) ? acts_with_schedules : 0) + (hasQuestions(seed) ? acts_with_questions : 0)
const handlers_at_once = 5

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

const inputsOf = (world: World): Readonly<Record<string, number>> => {
  const inputs: Record<string, number> = {}
  for (const { outcome, settled } of world.journal.all('input')) {
    const name = `${outcome}, ${settled?.disposition.kind ?? 'pending'}`
    inputs[name] = (inputs[name] ?? 0) + 1
  }
  return inputs
}

const questionsOf = (world: World): Readonly<Record<string, number>> => {
  const questions: Record<string, number> = {}
  for (const { resolved } of world.journal.all('approval')) {
    const resolution = resolved?.resolution
    const name = resolution?.kind === 'answered' ? `answered ${resolution.action}` : (resolution?.kind ?? 'open')
    questions[name] = (questions[name] ?? 0) + 1
  }
  return questions
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
    virtual_ms: world.now_ms - world.began_ms,
    ends: endsOf(world),
    inputs: inputsOf(world),
    questions: questionsOf(world),
    lines: world.trace.lines,
  }
}
