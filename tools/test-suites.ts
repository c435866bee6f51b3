/**
 * The suites of `npm test`, in the order in which they run: what is quick and close to the source first. Unit tests lie beside
 * their source; a suite that crosses a boundary has a folder under test/.
 */

export interface TestSuite {
  readonly name: string
  /** Glob of its files. */
  readonly include: string
  readonly timeout_ms: number
  /** Several local stacks at once on a small machine would only wait for each other. */
  readonly one_file_at_a_time: boolean
}

export const test_suites: readonly TestSuite[] = [
  { name: 'unit', include: '{shared,functions,runner,local,client,cli,infra,bench,tools}/**/*.test.ts', timeout_ms: 20_000, one_file_at_a_time: false },
  { name: 'contract', include: 'test/contract/**/*.test.ts', timeout_ms: 60_000, one_file_at_a_time: false },
  { name: 'sim', include: 'test/sim/**/*.test.ts', timeout_ms: 60_000, one_file_at_a_time: false },
  { name: 'runner', include: 'test/runner/**/*.test.ts', timeout_ms: 60_000, one_file_at_a_time: false },
  { name: 'infra', include: 'test/infra/**/*.test.ts', timeout_ms: 120_000, one_file_at_a_time: false },
  { name: 'stack', include: 'test/stack/**/*.test.ts', timeout_ms: 180_000, one_file_at_a_time: true },
]
