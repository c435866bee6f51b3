import { afterAll, beforeAll, expect, test } from 'vitest'
import { startFakeApi } from '../../client/testing/fake-api.ts'
import { exit_codes } from '../io.ts'
import { runOn } from '../testing/run-on.ts'

let api: Awaited<ReturnType<typeof startFakeApi>>
beforeAll(async () => {
  api = await startFakeApi()
})
afterAll(() => api.close())
const lanekeeper = async (line: readonly string[]) => runOn(api, line)

test('audit prints a line for each invariant, looks again at what moved, and exits 1 where one is violated', async () => {
  const { code, out, err } = await lanekeeper(['audit', '--pause', '1ms'])
  expect(err).toBe('')
  expect(code).toBe(exit_codes.failed)
  expect(out).toContain('✓  1  no accepted task is lost: 3 checked, 0 violated\n')
  expect(out).toContain(
    '✗  4  counters equal the attempts: 6 checked, 1 violated\n    counters  execclass_1 counts 1 running; there are 0 running\n      ws_1#execclass_1 / INSTANCE\n',
  )
  expect(api.seen.filter((request) => request.query['invariant'] === '4')).toHaveLength(3)
})

test('audit --json prints all in one document, and exits 0 where nothing is violated', async () => {
  const { code, out } = await lanekeeper(['audit', '--json', '--invariant', '3'])
  expect(code).toBe(exit_codes.done)
  expect(JSON.parse(out)).toEqual({
    invariants: [{ invariant: 3, title: 'one live attempt holds a session, and tokens grow', checked: 3, unsettled: 0, violations: [] }],
  })
})

test('audit refuses an invariant that it cannot hold', async () => {
  const { code, err } = await lanekeeper(['audit', '--invariant', '13'])
  expect(code).toBe(exit_codes.usage)
  expect(err).toContain('--invariant: must be one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12')
})
