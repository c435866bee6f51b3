/** The agent's way to the model: what passes, what it costs, and what the agent cannot make it do. */
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startScriptedModel, type ScriptedModel, type SeenRequest } from '../../local/scripted-model/server.ts'
import { createMeter, type Meter } from '../../runner/model/meter.ts'
import { askingForOneTool } from '../../runner/model/one-tool.ts'
import { startModelProxy, type ModelProxy } from '../../runner/model/proxy.ts'
import { holdCredentials } from '../../runner/model/credentials.ts'
import { createUpstream } from '../../runner/model/upstream.ts'

let folder: string
let model: ScriptedModel
let proxy: ModelProxy
let meter: Meter
const seen: SeenRequest[] = []

const start = async (budget_usd: number | undefined, base_url = model.url, one_tool_at_a_time = false): Promise<void> => {
  meter = createMeter(budget_usd)
  const upstream = createUpstream(
    { provider: 'anthropic', api_key: 'the-key', base_url, retries_max: 0 },
    holdCredentials(undefined, () => undefined),
  )
  if (upstream === undefined) throw new Error('no upstream')
  proxy = await startModelProxy({ socket_path: join(folder, 'model.sock'), upstream, meter, one_tool_at_a_time })
}
beforeEach(async () => {
  seen.length = 0
  folder = await mkdtemp(join(tmpdir(), 'lk-model-'))
  model = await startScriptedModel({ onRequest: (one) => seen.push(one) })
})
afterEach(async () => {
  await proxy.close()
  await model.close()
  await rm(folder, { recursive: true })
})

const ask = (
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number | undefined; text: string; retry: unknown }> =>
  new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: join(folder, 'model.sock'), method, path, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      response.on('end', () => resolve({ status: response.statusCode, text, retry: response.headers['x-should-retry'] }))
    })
    outgoing.on('error', reject)
    outgoing.end(method === 'GET' ? undefined : JSON.stringify(body))
  })
const scripted = (turn: unknown, stream: boolean) => ({
  model: 'claude-sonnet-5',
  stream,
  messages: [{ role: 'user', content: `STUB: ${JSON.stringify(turn)}` }],
})
const counted = { text: 'hi', usage: { input_tokens: 100_000, output_tokens: 10_000 } }

test.each([true, false])('passes a request for messages on with the key, and counts what it used (stream: %s)', async (stream) => {
  await start(undefined)
  const answer = await ask('POST', '/v1/messages?beta=true', scripted(counted, stream), {
    'x-api-key': 'agent-made',
    authorization: 'Bearer agent-made',
    'anthropic-version': '2023-06-01',
    cookie: 'a=b',
  })
  expect(answer.status).toBe(200)
  expect(answer.text).toContain('hi')
  expect(seen[0]?.headers).toMatchObject({ 'x-api-key': 'the-key', 'anthropic-version': '2023-06-01' })
  expect(seen[0]?.headers.authorization).toBeUndefined()
  expect(seen[0]?.headers.cookie).toBeUndefined()
  expect(meter.usage()).toEqual({ input_tokens: 100_000, output_tokens: 10_000, cache_read_tokens: 0, cache_write_tokens: 0, model_usd: expect.closeTo(0.3) })
})

const tools = [{ name: 'Bash', input_schema: { type: 'object' } }]
const alone = { disable_parallel_tool_use: true }

test.each([
  ['the choice is the model’s', { tools }, { type: 'auto', ...alone }],
  ['it says so', { tools, tool_choice: { type: 'auto' } }, { type: 'auto', ...alone }],
  ['it names a tool', { tools, tool_choice: { type: 'tool', name: 'Bash' } }, { type: 'tool', name: 'Bash', ...alone }],
  ['it asks for several', { tools, tool_choice: { type: 'any', disable_parallel_tool_use: false } }, { type: 'any', ...alone }],
  ['no tool may be used', { tools, tool_choice: { type: 'none' } }, { type: 'none' }],
  ['there are no tools', { tools: [] }, undefined],
  ['there is no list of tools', {}, undefined],
])('asks for one use of a tool at a time where %s, and changes nothing else', async (_case, choice, expected) => {
  await start(undefined, model.url, true)
  const body = { ...scripted(counted, false), ...choice, system: 'planted-system' }
  expect((await ask('POST', '/v1/messages', body)).status).toBe(200)
  const { tool_choice, ...rest } = JSON.parse(seen[0]?.body ?? '')
  const { tool_choice: _, ...unchanged } = { tool_choice: undefined, ...body }
  expect(tool_choice).toEqual(expected)
  expect(rest).toEqual(unchanged)
})

test('asks for nothing of the kind unless it is to, and passes on what is no JSON as it is', async () => {
  await start(undefined)
  await ask('POST', '/v1/messages', { ...scripted(counted, false), tools })
  expect(JSON.parse(seen[0]?.body ?? '')).not.toHaveProperty('tool_choice')
  expect(askingForOneTool(Buffer.from('no JSON')).toString()).toBe('no JSON')
})

test.each([
  ['GET', '/v1/messages'],
  ['POST', '/v1/files'],
  ['POST', '/v1/messages/batches'],
  ['POST', '/v1/messages/../files'],
  ['GET', '/v1/organizations/api_keys'],
])('%s %s is not passed on', async (method, path) => {
  await start(undefined)
  const answer = await ask(method, path, {})
  expect(answer.status).toBe(403)
  expect(seen).toHaveLength(0)
})

test('once the budget is spent it refuses, and says that no repeat helps', async () => {
  await start(0.25)
  expect((await ask('POST', '/v1/messages', scripted(counted, true))).status).toBe(200)
  expect(meter.wasRefused()).toBe(false)
  const refused = await ask('POST', '/v1/messages', scripted(counted, true))
  expect(refused).toMatchObject({ status: 400, retry: 'false', text: expect.stringContaining('budget_exceeded') })
  expect(meter.wasRefused()).toBe(true)
  expect(seen).toHaveLength(1)
})

test('errors of the model pass through; those that no repeat mends are marked', async () => {
  await start(undefined)
  expect(await ask('POST', '/v1/messages', scripted({ error: 401 }, true))).toMatchObject({ status: 401, retry: 'false' })
  expect(await ask('POST', '/v1/messages', scripted({ error: 529 }, true))).toMatchObject({ status: 529, retry: undefined })
})

test('a model that cannot be reached is a 502 without the address', async () => {
  await start(undefined, 'http://127.0.0.1:9')
  const answer = await ask('POST', '/v1/messages', scripted(counted, true))
  expect(answer.status).toBe(502)
  expect(answer.text).not.toContain('the-key')
})
