import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Policy } from './policy.ts'

test('a policy of nothing has the defaults of SPEC §3', () => {
  expect(Policy.parse({})).toEqual({
    host: 'sandbox',
    security: 'allowlist',
    ask: 'off',
    runtime_type: 'gvisor',
    workspace_access: 'rw',
    network_enabled: true,
    interactive: false,
    resources: {},
    retry: { max_attempts: 2, delay_ms: 0, backoff_rate: 1, max_delay_ms: 3_600_000, jitter: false },
  })
})

test('a missing field of the retry takes its default', () => {
  expect(Policy.parse({ retry: { max_attempts: 5 } }).retry).toMatchObject({ max_attempts: 5, delay_ms: 0, backoff_rate: 1 })
})

test('a normalized policy normalizes to itself', () => {
  fc.assert(
    fc.property(fc.record({ network_enabled: fc.boolean(), retry: fc.record({ delay_ms: fc.nat(1_000) }) }, { requiredKeys: [] }), (input) => {
      const policy = Policy.parse(input)
      expect(Policy.parse(policy)).toEqual(policy)
    }),
  )
})

test.each([
  ['host', { host: 'metal' }],
  ['security', { security: 'all' }],
  ['ask', { ask: 'never' }],
  ['runtime_type', { runtime_type: 'docker' }],
  ['workspace_access', { workspace_access: 'w' }],
  ['network_enabled', { network_enabled: 'yes' }],
  ['interactive', { interactive: 1 }],
  ['resources.cpu', { resources: { cpu: 0.5 } }],
  ['resources.memory', { resources: { memory: 0 } }],
  ['resources.gpu', { resources: { gpu: -1 } }],
  ['resources.disk', { resources: { disk: 'much' } }],
  ['retry.max_attempts', { retry: { max_attempts: 0 } }],
  ['retry.delay_ms', { retry: { delay_ms: -1 } }],
  ['retry.backoff_rate', { retry: { backoff_rate: 0.9 } }],
  ['retry.max_delay_ms', { retry: { max_delay_ms: -1 } }],
  ['retry.jitter', { retry: { jitter: 'some' } }],
])('a wrong %s is named', (path, input) => {
  expect(Policy.safeParse(input).error?.issues.map((issue) => issue.path.join('.'))).toEqual([path])
})

test('an unknown field is named', () => {
  expect(Policy.safeParse({ netwrok_enabled: false }).error?.issues).toMatchObject([{ code: 'unrecognized_keys', keys: ['netwrok_enabled'] }])
})
