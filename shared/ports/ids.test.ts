import { expect, test } from 'vitest'
import { AgentId, ApiKeyId, AttemptId, RunId, TaskId, WorkspaceId } from '../domain/ids.ts'
import { system_ids } from './ids.ts'

test('a minted id is one of its kind', () => {
  const schemas = { workspace: WorkspaceId, agent: AgentId, task: TaskId, run: RunId, attempt: AttemptId, api_key: ApiKeyId } as const
  for (const kind of ['workspace', 'agent', 'task', 'run', 'attempt', 'api_key'] as const)
    expect(schemas[kind].safeParse(system_ids.mint(kind)).success).toBe(true)
})

test('ids sort in the order they were made', () => {
  const made = Array.from({ length: 200 }, () => system_ids.mint('task'))
  expect(made.toSorted()).toEqual(made)
  expect(new Set(made).size).toBe(made.length)
})

test('a secret is 32 random bytes', () => {
  expect(system_ids.secret()).toMatch(/^[A-Za-z0-9_-]{43}$/)
  expect(system_ids.secret()).not.toBe(system_ids.secret())
})
