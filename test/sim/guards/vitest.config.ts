import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'
import { guards } from './guards.ts'

const root = resolve(import.meta.dirname, '../../..')
const guard = guards.find(({ name }) => name === process.env['LANEKEEPER_SIM_WITHOUT'])

/** The tests in which one handler acts between two steps of another, on the plane without one of its guards. */
export default defineConfig({
  root,
  plugins: [
    {
      name: 'without-a-guard',
      enforce: 'pre',
      transform: (code, id) => (guard === undefined || id !== resolve(root, guard.file) ? undefined : code.replace(guard.find, () => guard.replace)),
    },
  ],
  test: {
    include: [
      'races',
      'looks',
      'endings',
      'dispatch',
      'wakeups',
      'runner-calls',
      'flows',
      'inputs',
      'accept-inputs',
      'questions',
      'questions-of-turns',
      'schedules',
      'schedule-clocks',
      'ceiling-races',
      'kill',
      'forks',
      'shared-files',
    ].map((name) => `test/contract/${name}.test.ts`),
    setupFiles: ['./test/support/property-seed.ts'],
    maxWorkers: 1,
    // What Vitest keeps on disk between runs does not know which guard is away.
    fsModuleCache: false,
    bail: 1,
    testTimeout: 300_000,
  },
})
