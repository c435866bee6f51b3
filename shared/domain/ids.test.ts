import { expect, test } from 'vitest'
import { AgentId, ApiKeyId, AttemptId, ClassKey, id_prefixes, RunId, SessionId, TaskId, WorkspaceId } from './ids.ts'

const schemas = { workspace: WorkspaceId, agent: AgentId, task: TaskId, run: RunId, attempt: AttemptId, api_key: ApiKeyId } as const
const kinds = ['workspace', 'agent', 'task', 'run', 'attempt', 'api_key'] as const

test.each(kinds)('the id of a %s is of no other kind', (kind) => {
  const id = `${id_prefixes[kind]}_${'0'.repeat(26)}`
  expect(kinds.filter((other) => schemas[other].safeParse(id).success)).toEqual([kind])
})

test.each([
  ['too short', `task_${'0'.repeat(25)}`],
  ['too long', `task_${'0'.repeat(27)}`],
  ['lower case', `task_${'a'.repeat(26)}`],
  ['a letter that ULIDs leave out', `task_${'0'.repeat(25)}I`],
  ['no prefix', '0'.repeat(26)],
  ['something behind it', `task_${'0'.repeat(26)}\n`],
  ['a separator of keys', `task_${'0'.repeat(25)}#`],
])('%s is no task id', (_, text) => {
  expect(TaskId.safeParse(text).success).toBe(false)
})

test.each([
  ['s', true],
  ['schedule-session:sch_1:2026-11-22T09:00:00.000Z', true],
  ['a'.repeat(200), true],
  ['a'.repeat(201), false],
  ['', false],
  ['.hidden', false],
  ['-dash', false],
  ['with space', false],
  ['with#hash', false],
  ['with\nline', false],
  ['é', false],
])('%j as a session id: %s', (text, is_valid) => {
  expect(SessionId.safeParse(text).success).toBe(is_valid)
})

test('a class key is execclass_ and 32 hex digits', () => {
  expect(ClassKey.safeParse(`execclass_${'0a'.repeat(16)}`).success).toBe(true)
  expect(ClassKey.safeParse(`execclass_${'0A'.repeat(16)}`).success).toBe(false)
})
