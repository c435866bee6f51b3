/**
 * Vitest reporter that closes a run with `N passed, N failed` alone on the last line, and lets the process fail whenever
 * that line reports a failure. The line is written as the process exits, so that nothing comes after it.
 */
import { writeSync } from 'node:fs'
import type { Reporter, Vitest } from 'vitest/node'
import { countLine, countTests, type TestCount } from './test-count.ts'

let count: TestCount = { passed: 0, failed: 1 }
let filtered = false

const close = (exit_code: number): void => {
  const failed = exit_code !== 0 && count.failed === 0 ? 1 : count.failed
  if (failed > 0) process.exitCode = 1
  writeSync(1, `\n${countLine({ ...count, failed })}\n`)
}

export const test_reporter: Reporter = {
  onInit: (vitest: Vitest) => {
    filtered = vitest.config.testNamePattern !== undefined
    process.once('exit', close)
  },
  onTestRunEnd: (modules, unhandled) => {
    count = countTests(modules, unhandled.length, filtered)
    if (count.failed > 0) process.exitCode = 1
  },
}
