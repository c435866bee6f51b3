import { expect, test } from 'vitest'
import { apiKeyHash } from '../shared/domain/decide/api-key.ts'
import { system_ids } from '../shared/ports/ids.ts'
import { refs } from '../shared/store/keys.ts'
import { memoryStore } from '../shared/store/memory.ts'
import { makeOperatorKey } from './operator-key.ts'

test('the key opens the workspace as an operator, and is stored as a hash only', async () => {
  const store = memoryStore()
  const { workspace_id, key } = await makeOperatorKey({ store, ids: system_ids, clock: { now: () => 1_790_000_000_000 } }, 'acme')
  expect(await store.get(refs.workspace(workspace_id))).toMatchObject({ name: 'acme' })
  const stored = await store.get(refs.apiKey(apiKeyHash(key)))
  expect(stored).toMatchObject({ workspace_id, role: 'operator' })
  expect(JSON.stringify(stored)).not.toContain(key)
})
