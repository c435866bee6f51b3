import { expect, test } from 'vitest'
import { Workspace } from '../domain/workspace.ts'
import { refs } from './keys.ts'
import { memoryStore } from './memory.ts'

const workspace = (version: number) =>
  Workspace.parse({ kind: 'workspace', id: 'ws_00000000000000000000000001', name: 'one', created_at: '2026-11-22T09:00:00.000Z', version })

test('what a caller does to a record does not reach the table', async () => {
  const store = memoryStore()
  const record = workspace(1)
  await store.commit([{ op: 'put_if_absent', record }])
  record.name = 'changed by the caller'
  const read = await store.get(refs.workspace(record.id))
  expect(read?.name).toBe('one')
  if (read !== undefined) read.name = 'changed by the reader'
  expect((await store.get(refs.workspace(record.id)))?.name).toBe('one')
})
