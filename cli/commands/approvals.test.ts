import { afterAll, beforeAll, expect, test } from 'vitest'
import { startFakeApi } from '../../client/testing/fake-api.ts'
import { sample_ids } from '../../client/testing/samples.ts'
import { exit_codes } from '../io.ts'
import { runOn } from '../testing/run-on.ts'

let api: Awaited<ReturnType<typeof startFakeApi>>
beforeAll(async () => {
  api = await startFakeApi()
})
afterAll(() => api.close())

test.each([
  [['approvals'], /state +open\ntool +Bash\ninput +\{"command":"rm notes.txt"\}/],
  [['approvals', sample_ids.run], /state +expired/],
  [['approve', sample_ids.approval], /approved: Bash of run_/],
  [['reject', sample_ids.approval, '--reason', 'not that file'], /rejected: Bash of run_/],
])('%j', async (line, text) => {
  expect(await runOn(api, line)).toMatchObject({ code: exit_codes.done, err: '', out: expect.stringMatching(text) })
})
