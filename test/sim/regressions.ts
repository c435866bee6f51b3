/**
 * Seeds that once found something wrong with the plane, with what it was. They always run. A seed's meaning changes when the simulator
 * learns new acts, so each bug that matters has a test of its own beside; these are kept because they walk through dangerous ground.
 */
import type { SimulationOptions } from './world.ts'

export interface Regression extends SimulationOptions {
  readonly found: string
}

export const regressions: readonly Regression[] = [
  { seed: 1, found: 'a release did not read what the next one had added to a record, and failed every request for it during a rolling deployment' },
  { seed: 2938, found: 'a class that an operator holds with a limit of 0 was taken for forgotten by the check' },
  { seed: 4728, found: 'the same' },
  { seed: 1370, found: 'a new API key could not be revoked, because the index that its id was looked up in did not know it yet' },
  { seed: 1473, found: 'the same: the answer to the revocation was 404, and the key went on to work' },
]
