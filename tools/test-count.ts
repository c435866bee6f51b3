/** What `npm test` counts. Whatever kept a test from being run counts as failed, so that a green line cannot hide it. */

/** The part of Vitest's TestModule that is counted. */
export interface CountedModule {
  errors(): readonly unknown[]
  readonly children: {
    allTests(): Iterable<{ result(): { readonly state: 'passed' | 'failed' | 'skipped' | 'pending' } }>
    allSuites(): Iterable<{ errors(): readonly unknown[] }>
  }
}

export interface TestCount {
  readonly passed: number
  readonly failed: number
}

/**
 * Failed are: tests that failed, tests that were skipped or never finished, errors of a file or suite outside its tests
 * (collection, `beforeAll`), unhandled errors of the run, and a run without any test.
 * @param filtered the user asked for some tests by name (`-t`), so the others are skipped on purpose
 */
export const countTests = (modules: readonly CountedModule[], unhandled: number, filtered: boolean): TestCount => {
  let passed = 0
  let failed = unhandled
  for (const module of modules) {
    failed += module.errors().length
    for (const suite of module.children.allSuites()) failed += suite.errors().length
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state === 'passed') passed += 1
      else if (state !== 'skipped' || !filtered) failed += 1
    }
  }
  return { passed, failed: passed + failed === 0 ? 1 : failed }
}

/** The line that closes a test run. */
export const countLine = (count: TestCount): string => `${count.passed} passed, ${count.failed} failed`
