import { afterAll, beforeAll, expect, test } from 'vitest'
import { demoTurn } from './demo.ts'
import { ModelRequest } from './request.ts'
import { startScriptedModel, type ScriptedModel, type SeenRequest } from './server.ts'

let model: ScriptedModel
const seen: SeenRequest[] = []
beforeAll(async () => {
  model = await startScriptedModel({ onRequest: (request) => seen.push(request) })
})
afterAll(() => model.close())

const post = (path: string, body: unknown) => fetch(`${model.url}${path}`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })
const user = (content: unknown) => ({ role: 'user', content })
const assistant = (content: unknown) => ({ role: 'assistant', content })

test('plays the lines of a script turn by turn, then echoes', async () => {
  const prompt = user('do it\nSTUB: {"tool":"Read","input":{"file_path":"/a"}}\nSTUB: {"text":"read"}')
  const first = await (await post('/v1/messages', { model: 'm', messages: [prompt] })).json()
  expect(first).toMatchObject({ stop_reason: 'tool_use', content: [{ type: 'tool_use', name: 'Read', input: { file_path: '/a' } }] })
  const result = user([{ type: 'tool_result', tool_use_id: 'x', content: 'abc' }])
  const second = await (await post('/v1/messages', { messages: [prompt, assistant([]), result] })).json()
  expect(second).toMatchObject({ stop_reason: 'end_turn', content: [{ type: 'text', text: 'read' }] })
  const third = await (await post('/v1/messages', { messages: [prompt, assistant([]), result, assistant('read'), user('and now?')] })).json()
  expect(third).toMatchObject({ content: [{ text: 'ECHO(and now?)' }] })
})

test('streams the same answer as events', async () => {
  const response = await post('/v1/messages', { stream: true, messages: [user('STUB: {"text":"hi","repeat":2,"usage":{"input_tokens":5,"output_tokens":7}}')] })
  const text = await response.text()
  expect(text.match(/^event: (\w+)$/gm)).toEqual(
    ['message_start', 'ping', 'content_block_start', 'content_block_delta', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop'].map(
      (type) => `event: ${type}`,
    ),
  )
  expect(text).toContain('"input_tokens":5')
  expect(text).toContain('"usage":{"output_tokens":7}')
})

test('fails as the script says, and refuses what is no request', async () => {
  const overloaded = await post('/v1/messages', { messages: [user('STUB: {"error":529,"retryAfter":1}')] })
  expect([overloaded.status, overloaded.headers.get('retry-after')]).toEqual([529, '1'])
  expect((await post('/v1/messages', '{')).status).toBe(400)
  expect((await post('/v1/other', {})).status).toBe(404)
  expect(await (await post('/v1/messages', { messages: [user('STUB: {"nonsense":1}')] })).text()).toContain('not valid')
})

test('counts tokens', async () => {
  expect(await (await post('/v1/messages/count_tokens', { messages: [user('abcd')] })).json()).toEqual({ input_tokens: expect.any(Number) })
})

test('speaks Bedrock: the model in the path, frames of an event stream', async () => {
  const response = await post('/model/us.anthropic.claude-sonnet-5/invoke-with-response-stream', { messages: [user('STUB: {"text":"hi"}')] })
  expect(response.headers.get('content-type')).toBe('application/vnd.amazon.eventstream')
  const bytes = Buffer.from(await response.arrayBuffer())
  expect(bytes.readUInt32BE(0)).toBeLessThan(bytes.length)
  expect(seen.at(-1)?.path).toContain('us.anthropic.claude-sonnet-5')
})

test('without a script it writes to the journal, reads it back, and says what it remembers', () => {
  const tools = [{ name: 'Bash' }]
  const reminder = { type: 'text', text: '<system-reminder>date</system-reminder>' }
  const turn = (messages: unknown[], with_tools: unknown = tools) => demoTurn(ModelRequest.parse({ messages, tools: with_tools }))
  const history = [user("it's me"), assistant('a'), user([reminder, { type: 'text', text: 'again' }])]
  const write = turn(history)
  expect(write).toMatchObject({ tool: 'Bash', input: { command: "printf '%s\\n' 'message 2: again' >> journal.md" } })
  expect(turn([user("it's me")]).input?.['command']).toContain(String.raw`it'\''s me`)
  const result = (content: string, is_error = false) => user([{ type: 'tool_result', content, is_error }])
  expect(turn([...history, assistant('w'), result('')])).toMatchObject({ input: { command: 'cat journal.md' } })
  const answer = turn([...history, assistant('w'), result(''), assistant('r'), result('line 1\nline 2')])
  expect(answer.text).toBe(
    `(scripted model, no API key set) This is message 2 of this conversation; earlier you said: "it's me"; journal.md now holds:\nline 1\nline 2`,
  )
  expect(turn([...history, assistant('w'), result('not allowed', true)]).text).toContain('could not be used: not allowed')
  expect(turn(history, []).text).toContain('no Bash tool')
})
