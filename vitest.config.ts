import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { test_reporter } from './tools/test-reporter.ts'
import { test_suites } from './tools/test-suites.ts'

const exclude = ['**/node_modules/**', '**/.build/**', '**/.lanekeeper/**', '**/cdk.out/**']

/** `npm test` runs every suite, one after the other; `npx vitest run --project contract` runs one, a path or `-t` less. */
export default defineConfig({
  test: {
    reporters: ['default', test_reporter],
    allowOnly: false,
    passWithNoTests: false,
    // Vitest leaves a core free for itself; of two that is half, and most suites wait as much as they work.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: test_suites.map(({ name, include, timeout_ms }, groupOrder) => ({
      test: {
        name,
        include: [include],
        exclude,
        setupFiles: ['./test/support/property-seed.ts'],
        sequence: { groupOrder },
        testTimeout: timeout_ms,
        hookTimeout: timeout_ms,
      },
    })),
  },
})
