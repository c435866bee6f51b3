/**
 * The suites of `npm test`, in the order in which they run: what is quick and close to the source first. Unit tests lie beside
 * their source; a suite that crosses a boundary has a folder under test/. Files of a suite run side by side; tests of the whole
 * stack mostly wait (for a minute to begin, a lease to run out), so several stacks at once cost less time than one after the other.
 */

export interface TestSuite {
  readonly name: string
  /** Glob of its files. */
  readonly include: string
  readonly timeout_ms: number
}

export const test_suites: readonly TestSuite[] = [
  { name: 'unit', include: '{shared,functions,runner,local,client,cli,infra,bench,tools}/**/*.test.ts', timeout_ms: 20_000 },
  { name: 'contract', include: 'test/contract/**/*.test.ts', timeout_ms: 60_000 },
  { name: 'sim', include: 'test/sim/**/*.test.ts', timeout_ms: 60_000 },
  { name: 'runner', include: 'test/runner/**/*.test.ts', timeout_ms: 60_000 },
  { name: 'infra', include: 'test/infra/**/*.test.ts', timeout_ms: 120_000 },
  { name: 'stack', include: 'test/stack/**/*.test.ts', timeout_ms: 180_000 },
]
