import { afterAll, beforeAll, expect, test } from 'vitest'
import { startHarness, type Harness } from './harness.ts'

let harness: Harness
beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.close())

const shell = (script: string) => ({ runner: 'process', command: ['sh', '-c', script] })

test('the message arrives on standard input, the last line is the result, both streams are logged', async () => {
  const { code, finish, log } = await harness.run({ message: 'hello there', config: shell('cat; echo; echo to stderr >&2; echo last line; echo') })
  expect(code).toBe(0)
  expect(finish).toMatchObject({ outcome: 'ok', exit_code: 0, result: 'last line' })
  expect(finish?.saved).toBeUndefined()
  const { logs } = harness.plane.seen
  expect(logs[0]).toMatchObject({ seq: 1, chunk_type: 'prompt', data: 'hello there' })
  expect(logs.map((entry) => entry.seq)).toEqual(logs.map((_, index) => index + 1))
  expect(logs.filter((entry) => entry.stream === 'stdout').map((entry) => entry.data).join('')).toBe('hello there\nlast line\n\n')
  expect(log).toContain('to stderr')
})
