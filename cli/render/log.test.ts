import { expect, test } from 'vitest'
import { renderLog, toolCallLine } from './log.ts'
import { plain, styleFor } from './style.ts'

const call = (name: string, input: unknown) => JSON.stringify({ id: 'toolu_1', tool: name, input })

test.each([
  [call('Bash', { description: 'List files', command: 'ls -l\n  /workspace' }), 'Bash ls -l /workspace'],
  [call('Write', { file_path: 'notes.txt', content: 'x'.repeat(900) }), 'Write notes.txt'],
  [call('mcp__github__search', { q: 'bug' }), 'mcp__github__search {"q":"bug"}'],
  [call('TodoRead', {}), 'TodoRead'],
  ['not json \u001b[2J', 'not json ·[2J'],
])('the tool call %s is %s', (data, line) => expect(toolCallLine(data, 80)).toBe(line))

test('a long call is cut to the width of the terminal', () => {
  const line = renderLog(plain, { chunk_type: 'tool_call', stream: 'agent', data: call('Bash', { command: 'x'.repeat(300) }) }, 60)
  expect(line.trimEnd()).toHaveLength(56)
  expect(line).toMatch(/^→ Bash x+…\n$/)
})

test.each([
  ['prompt', 'agent', 'do\nthis', '› do\n  this\n'],
  ['text', 'agent', 'I did it.', 'I did it.\n'],
  ['thinking', 'agent', 'hm\nhm', '∴ hm hm\n'],
  ['tool_result', 'agent', JSON.stringify({ content: 'a\nb', is_error: false }), '  ↳ a b\n'],
  ['tool_result', 'agent', JSON.stringify({ content: [{ type: 'text', text: 'no such file' }], is_error: true }), '  ✗ no such file\n'],
  ['tool_result', 'agent', JSON.stringify({ content: '' }), '  ↳ ok\n'],
  ['output', 'stdout', 'line\n', 'line\n'],
  ['notice', 'system', 'a scripted model answers', '! a scripted model answers\n'],
  ['result', 'agent', 'the end', ''],
] as const)('a %s entry', (chunk_type, stream, data, text) => expect(renderLog(plain, { chunk_type, stream, data })).toBe(text))

test('what a process wrote to standard error stands out', () => {
  const colours = styleFor({ env: {}, is_terminal: true })
  expect(renderLog(colours, { chunk_type: 'output', stream: 'stderr', data: 'oops\n' })).toBe(`${colours.yellow('oops')}\n`)
})
