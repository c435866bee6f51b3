import { expect, test } from 'vitest'
import { ApiKeyId, WorkspaceId } from '../ids.ts'
import { roles, type ApiKey, type Role } from '../workspace.ts'
import { apiKeyHash, decideCreateApiKey, decideRevokeApiKey } from './api-key.ts'

const workspace_id = WorkspaceId.parse(`ws_${'0'.repeat(26)}`)
const now_ms = Date.parse('2026-11-22T09:00:00.000Z')
let count = 0
const keyOf = (role: Role, change: Partial<ApiKey> = {}): ApiKey => {
  count += 1
  const made = decideCreateApiKey(
    { id: ApiKeyId.parse(`key_${String(count).padStart(26, '0')}`), workspace_id, name: role, role, secret: `secret${count}` },
    'operator',
    now_ms,
  )
  if (!made.ok) throw new Error(made.detail)
  return { ...made.value.record, ...change }
}

test('a key is stored as its hash, with its first characters', () => {
  const made = decideCreateApiKey({ id: keyOf('viewer').id, workspace_id, name: 'n', role: 'viewer', secret: 'abcdefghijkl' }, 'admin', now_ms)
  expect(made).toMatchObject({ ok: true, value: { key: 'lk_abcdefghijkl', record: { key_hash: apiKeyHash('lk_abcdefghijkl'), hint: 'lk_abcdef' } } })
  expect(made.ok && JSON.stringify(made.writes)).not.toContain('abcdefghijkl')
})

test.each(roles.flatMap((by) => roles.map((role) => [by, role] as const)))(
  'the role %s makes and revokes a key of the role %s exactly if that is not above it',
  (by, role) => {
    const allowed = roles.indexOf(role) <= roles.indexOf(by)
    const made = decideCreateApiKey({ id: keyOf('viewer').id, workspace_id, name: 'n', role, secret: 's' }, by, now_ms)
    const key = keyOf(role)
    const revoked = decideRevokeApiKey(key, [key, keyOf('operator')], by, now_ms)
    expect([made.ok, revoked.ok]).toEqual([allowed, allowed])
  },
)

test('the last key that can make others stays, and so does the last operator key', () => {
  const [admin, operator, member] = [keyOf('admin'), keyOf('operator'), keyOf('member')]
  const revoke = (key: ApiKey, all: readonly ApiKey[]) => decideRevokeApiKey(key, all, 'operator', now_ms)
  expect(revoke(admin, [admin, member])).toMatchObject({ ok: false, code: 'last_key' })
  expect(revoke(admin, [admin, keyOf('admin', { revoked_at: '2026-11-22T09:00:00.000Z' })])).toMatchObject({ ok: false, code: 'last_key' })
  expect(revoke(operator, [admin, operator])).toMatchObject({ ok: false, code: 'last_key' })
  expect(revoke(admin, [admin, operator])).toMatchObject({ ok: true, writes: [{ record: { id: admin.id } }, { record: { id: operator.id } }] })
  expect(revoke(member, [member])).toMatchObject({ ok: true, writes: [{ record: { revoked_at: '2026-11-22T09:00:00.000Z' } }] })
})

test('a key that is revoked already is not written again', () => {
  const key = keyOf('admin', { revoked_at: '2026-11-21T09:00:00.000Z' })
  expect(decideRevokeApiKey(key, [key], 'admin', now_ms)).toMatchObject({ ok: true, writes: [], value: key })
})
