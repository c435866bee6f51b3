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
    include: ['races', 'looks', 'endings', 'dispatch', 'wakeups', 'runner-calls', 'flows', 'inputs', 'accept-inputs'].map(
      (name) => `test/contract/${name}.test.ts`,
    ),
    // What is kept from a run with another guard away would be taken for this one.
    fsModuleCache: false,
    maxWorkers: 1,
    bail: 1,
    testTimeout: 300_000,
  },
})
