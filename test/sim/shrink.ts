/** A failing seed made smaller: fewer acts, and only the faults that it needs. */
import { fault_names, type FaultKind } from './faults.ts'
import { simulate } from './simulate.ts'

export interface Shrunk {
  readonly seed: number
  readonly acts: number
  readonly without: readonly FaultKind[]
  readonly violations: readonly string[]
}

const fails = async (seed: number, acts: number, without: readonly FaultKind[]): Promise<readonly string[]> =>
  (await simulate({ seed, acts, without })).violations

/** @param acts with how many it fails @returns undefined where it does not fail with them */
export const shrink = async (seed: number, acts: number): Promise<Shrunk | undefined> => {
  let violations = await fails(seed, acts, [])
  if (violations.length === 0) return undefined
  let fewest = acts
  for (let step = Math.ceil(acts / 2); step >= 1; step = step === 1 ? 0 : Math.ceil(step / 2)) {
    while (fewest - step > 0) {
      const smaller = await fails(seed, fewest - step, [])
      if (smaller.length === 0) break
      fewest -= step
      violations = smaller
    }
  }
  const without: FaultKind[] = []
  for (const kind of fault_names) {
    const smaller = await fails(seed, fewest, [...without, kind])
    if (smaller.length === 0) continue
    without.push(kind)
    violations = smaller
  }
  return { seed, acts: fewest, without, violations }
}
