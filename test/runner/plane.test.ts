/** The runner's calls to the plane: what is repeated, what ends the attempt, and what is only refused. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPlane, type Plane } from '../../runner/plane.ts'
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.ts'

let server: ScriptedServer
let plane: Plane
beforeAll(async () => {
  server = await startScriptedServer()
  plane = createPlane(server.url, 'lkatt_ws.run.1.secret')
})
afterAll(() => server.stop())

const options = { within_ms: 10_000 }
const take = () => plane.inputs({ turn: 2, open: true }, options)

test.each([
  [409, 'attempt_superseded', 'superseded'],
  [401, 'unauthenticated', 'superseded'],
  [409, 'illegal_state', 'refused'],
  [400, 'invalid_request', 'refused'],
])('%d %s is %s, at the first answer', async (status, code, why) => {
  server.answerBy(() => ({ status, body: { code } }))
  expect(await take()).toMatchObject({ ok: false, why })
  expect(server.asked).toHaveLength(1)
})

test('takes, turn ends and questions are said again, word for word, until they are answered', async () => {
  const usage = { input_tokens: 1, output_tokens: 1, cache_read_tokens: 0, cache_write_tokens: 0, model_usd: 0 }
  const approval_id = 'apr_01J8ZQ4M2N3P4Q5R6S7T8V9WXY'
  for (const [call, body] of [
    [take, { how: 'nothing', turn: 2, inputs: [] }],
    [() => plane.turn({ turn: 1, usage, waits: false }, options), { inputs_wait: true }],
    [() => plane.question({ tool_use_id: 't', tool: 'Bash', input: '{}', reason: 'r' }, options), { approval_id, expires_at: '2026-11-22T12:00:00.000Z' }],
  ] as const) {
    server.answerBy((_asked, nth) => (nth === 0 ? { status: 503 } : nth === 1 ? { status: 429 } : { body }))
    expect(await call()).toMatchObject({ ok: true, value: body })
    expect(server.asked).toHaveLength(3)
    expect(new Set(server.asked.map((asked) => JSON.stringify([asked.path, asked.body]))).size).toBe(1)
    expect(server.asked[0]?.headers.authorization).toBe('Bearer lkatt_ws.run.1.secret')
  }
})
