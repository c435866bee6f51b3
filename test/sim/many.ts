/** Many seeds, on as many threads as there are cores, with one sum at the end. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import * as z from 'zod'
import { addCounts, fault_names, no_faults, type FaultCounts } from './faults.ts'
import { simulate, type Simulated } from './simulate.ts'

/** What is kept of one seed. */
export const Outcome = z.object({
  seed: z.int(),
  violations: z.array(z.string()),
  hash: z.string(),
  faults: z.record(z.enum(fault_names), z.int()),
  virtual_ms: z.number(),
  ends: z.record(z.string(), z.int()),
  inputs: z.record(z.string(), z.int()),
  questions: z.record(z.string(), z.int()),
})
export type Outcome = z.infer<typeof Outcome>

export const outcomeOf = ({ seed, violations, hash, faults, virtual_ms, ends, inputs, questions }: Simulated): Outcome => ({
  seed,
  violations: [...violations],
  hash,
  faults,
  virtual_ms,
  ends,
  inputs,
  questions,
})

export interface Sum {
  readonly seeds: number
  readonly failures: readonly Outcome[]
  /** Over the hashes of all seeds, in their order. */
  readonly hash: string
  readonly faults: FaultCounts
  readonly virtual_ms: number
  readonly ends: Readonly<Record<string, number>>
  readonly inputs: Readonly<Record<string, number>>
  readonly questions: Readonly<Record<string, number>>
}

const sumOf = (outcomes: readonly Outcome[]): Sum => {
  const hash = createHash('sha256')
  const ends: Record<string, number> = {}
  const inputs: Record<string, number> = {}
  const questions: Record<string, number> = {}
  let faults = no_faults
  let virtual_ms = 0
  for (const one of outcomes.toSorted((a, b) => a.seed - b.seed)) {
    hash.update(`${one.seed} ${one.hash}\n`)
    faults = addCounts(faults, one.faults)
    virtual_ms += one.virtual_ms
    for (const [state, count] of Object.entries(one.ends)) ends[state] = (ends[state] ?? 0) + count
    for (const [end, count] of Object.entries(one.inputs)) inputs[end] = (inputs[end] ?? 0) + count
    for (const [end, count] of Object.entries(one.questions)) questions[end] = (questions[end] ?? 0) + count
  }
  const failures = outcomes.filter(({ violations }) => violations.length > 0)
  return { seeds: outcomes.length, failures, hash: hash.digest('hex').slice(0, 16), faults, virtual_ms, ends, inputs, questions }
}

export interface ManyOptions {
  readonly from: number
  readonly seeds: number
  /** 1: in this thread. */
  readonly workers: number
  /** Start no seed after this. */
  readonly until_ms?: number | undefined
  /** Stop at the first that fails. */
  readonly first: boolean
  readonly onOutcome?: (outcome: Outcome, done: number) => void
}

/** One seed after the other on a thread of its own. */
interface Runner {
  run(seed: number): Promise<Outcome>
  stop(): Promise<void>
}
const here: Runner = { run: async (seed) => outcomeOf(await simulate({ seed })), stop: async () => undefined }

const onThread = (): Runner => {
  const worker = new Worker(new URL('./worker.ts', import.meta.url))
  return {
    run: async (seed) => {
      // Rejects where the thread ends with an error, and leaves no listener behind.
      const answered = once(worker, 'message')
      worker.postMessage(seed)
      const [message] = await answered
      return Outcome.parse(message)
    },
    stop: async () => void (await worker.terminate()),
  }
}

/** Simulates `seeds` seeds from `from` on. */
export const simulateMany = async (options: ManyOptions): Promise<Sum> => {
  const runners = options.workers === 1 ? [here] : Array.from({ length: options.workers }, onThread)
  const outcomes: Outcome[] = []
  let next = options.from
  let failed = false
  const goesOn = () =>
    next < options.from + options.seeds && !(failed && options.first) && (options.until_ms === undefined || performance.now() < options.until_ms)
  const work = async (runner: Runner): Promise<void> => {
    while (goesOn()) {
      next += 1
      const outcome = await runner.run(next - 1)
      outcomes.push(outcome)
      failed ||= outcome.violations.length > 0
      options.onOutcome?.(outcome, outcomes.length)
    }
  }
  try {
    await Promise.all(runners.map(work))
  } finally {
    await Promise.all(runners.map((runner) => runner.stop()))
  }
  return sumOf(outcomes)
}
