import { expect, test } from 'vitest'
import { countLine, countTests, type CountedModule } from './test-count.ts'

type State = 'passed' | 'failed' | 'skipped' | 'pending'

const moduleOf = (states: readonly State[], errors: { file?: number; suite?: number } = {}): CountedModule => ({
  errors: () => Array.from({ length: errors.file ?? 0 }),
  children: {
    allTests: () => states.map((state) => ({ result: () => ({ state }) })),
    allSuites: () => [{ errors: () => Array.from({ length: errors.suite ?? 0 }) }],
  },
})

test('tests are counted over all files', () => {
  expect(countTests([moduleOf(['passed', 'failed']), moduleOf(['passed'])], 0, false)).toEqual({ passed: 2, failed: 1 })
})

test('an error outside the tests is a failure: a file that does not load, a beforeAll that throws, an unhandled rejection', () => {
  expect(countTests([moduleOf([], { file: 1 })], 0, false)).toEqual({ passed: 0, failed: 1 })
  expect(countTests([moduleOf(['passed'], { suite: 1 })], 0, false)).toEqual({ passed: 1, failed: 1 })
  expect(countTests([moduleOf(['passed'])], 2, false)).toEqual({ passed: 1, failed: 2 })
})

test('a test that was not run is a failure, unless the user left it out by name', () => {
  expect(countTests([moduleOf(['passed', 'skipped', 'pending'])], 0, false)).toEqual({ passed: 1, failed: 2 })
  expect(countTests([moduleOf(['passed', 'skipped'])], 0, true)).toEqual({ passed: 1, failed: 0 })
})

test('a run without a test is a failure', () => {
  expect(countTests([], 0, false)).toEqual({ passed: 0, failed: 1 })
  expect(countTests([moduleOf(['skipped'])], 0, true)).toEqual({ passed: 0, failed: 1 })
})

test('the closing line', () => {
  expect(countLine({ passed: 12, failed: 0 })).toBe('12 passed, 0 failed')
})
