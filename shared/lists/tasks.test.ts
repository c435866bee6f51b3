import { expect, test } from 'vitest'
import { AgentId, ClassKey, RunId, SessionId, TaskId, WorkspaceId } from '../domain/ids.ts'
import type { Task } from '../domain/task.ts'
import { memoryStore } from '../store/memory.ts'
import { listTasks } from './tasks.ts'

const zeros = '0'.repeat(26)
const workspace_id = WorkspaceId.parse(`ws_${zeros}`)
const agent_id = AgentId.parse(`agt_${zeros}`)
const at = '2026-11-22T09:00:00.000Z'
const done: Task = {
  kind: 'task',
  id: TaskId.parse(`task_${zeros}`),
  workspace_id,
  agent_id,
  session_id: SessionId.parse('s'),
  class_key: ClassKey.parse(`execclass_${'0'.repeat(32)}`),
  command_key: '0'.repeat(32),
  priority: 'normal',
  label: 'l',
  target_run_id: RunId.parse(`run_${zeros}`),
  accepted_at: at,
  updated_at: at,
  state: 'done',
  finished_at: at,
  archived_at: at,
  version: 1,
}

test.each([
  ['another state', { state: 'queued', archived: true }],
  ['another agent', { agent_id: AgentId.parse(`agt_${'1'.repeat(26)}`), archived: true }],
  ['another session', { session_id: SessionId.parse('t'), archived: true }],
  ['another label', { label: 'm', archived: true }],
  ['no archive', { archived: false }],
] as const)('an index that lags behind shows no task of %s', async (_, filters) => {
  const lagging = { ...memoryStore(), range: async () => ({ records: [done] }) }
  expect(await listTasks(lagging, workspace_id, filters, { limit: 10 })).toEqual({ ok: true, value: { items: [] } })
})
