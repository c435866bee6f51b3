import { expect, test } from 'vitest'
import { logLines } from './claude-log.ts'

const said = (type: 'assistant' | 'user', content: unknown) => JSON.parse(JSON.stringify({ type, message: { content }, parent_tool_use_id: null }))

test('text, thinking, tool calls and results become entries; the user’s own words do not', () => {
  expect(
    logLines(
      said('assistant', [
        { type: 'thinking', thinking: 'hm' },
        { type: 'text', text: 'hello' },
        { type: 'tool_use', id: 't1', name: 'Bash', input: { command: 'x', token: 'abc' } },
      ]),
      [],
    ),
  ).toEqual([
    { stream: 'agent', chunk_type: 'thinking', data: 'hm' },
    { stream: 'agent', chunk_type: 'text', data: 'hello' },
    { stream: 'agent', chunk_type: 'tool_call', data: '{"id":"t1","tool":"Bash","input":{"command":"x","token":"[redacted]"}}' },
  ])
  const result = said('user', [
    { type: 'text', text: 'mine' },
    { type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text: 'a planted-secret' }, { type: 'image' }] },
  ])
  expect(logLines(result, ['planted-secret'])).toEqual([
    { stream: 'agent', chunk_type: 'tool_result', data: '{"id":"t1","is_error":false,"content":"a [redacted]\\n(image)"}' },
  ])
  expect(logLines(said('user', 'mine'), [])).toEqual([])
})

test('an entry that is JSON stays JSON, however long it was', () => {
  for (const input of [{ content: 'x'.repeat(100_000) }, { content: '\u0000'.repeat(50_000) }, { items: Array.from({ length: 20_000 }, () => 'word') }]) {
    const [line] = logLines(said('assistant', [{ type: 'tool_use', id: 't1', name: 'Write', input }]), [])
    expect(line?.data.length).toBeLessThanOrEqual(16_000)
    expect(JSON.parse(line?.data ?? '')).toMatchObject({ id: 't1', tool: 'Write' })
  }
})
