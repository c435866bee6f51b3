import { defineConfig } from 'vitest/config'
import { test_reporter } from './tools/test-reporter.ts'

const exclude = ['**/node_modules/**', '**/.build/**', '**/.lanekeeper/**', '**/cdk.out/**']

/**
 * `npm test` runs every project. Unit tests lie beside their source; a suite that crosses a boundary has a folder under test/.
 * Suites that start the local stack run one file at a time: several stacks at once on a small machine would only wait for each other.
 */
export default defineConfig({
  test: {
    reporters: ['default', test_reporter],
    allowOnly: false,
    passWithNoTests: false,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{shared,functions,runner,local,client,cli,infra,bench,tools}/**/*.test.ts'],
          exclude,
          sequence: { groupOrder: 0 },
          testTimeout: 20_000,
        },
      },
      {
        test: { name: 'contract', include: ['test/contract/**/*.test.ts'], exclude, sequence: { groupOrder: 1 }, testTimeout: 60_000, hookTimeout: 60_000 },
      },
      {
        test: { name: 'runner', include: ['test/runner/**/*.test.ts'], exclude, sequence: { groupOrder: 2 }, testTimeout: 60_000, hookTimeout: 60_000 },
      },
      {
        test: { name: 'infra', include: ['test/infra/**/*.test.ts'], exclude, sequence: { groupOrder: 3 }, testTimeout: 120_000, hookTimeout: 120_000 },
      },
      {
        test: {
          name: 'stack',
          include: ['test/stack/**/*.test.ts'],
          exclude,
          sequence: { groupOrder: 4 },
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
