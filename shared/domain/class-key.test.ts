import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { classKey, commandKey } from './class-key.ts'
import { AgentId, WorkspaceId } from './ids.ts'
import { default_policy, Policy, type PolicyInput } from './policy.ts'
import { agent_id, workspace_id } from './samples.ts'

const keyOf = (policy: PolicyInput, lane?: string) => classKey({ workspace_id, agent_id, lane, policy: Policy.parse(policy) })

const policies: fc.Arbitrary<PolicyInput> = fc.record(
  {
    security: fc.constantFrom('deny', 'allowlist', 'full'),
    ask: fc.constantFrom('off', 'on-miss', 'always'),
    runtime_type: fc.constantFrom('gvisor', 'runc'),
    workspace_access: fc.constantFrom('none', 'ro', 'rw'),
    network_enabled: fc.boolean(),
    interactive: fc.boolean(),
    resources: fc.record({ cpu: fc.integer({ min: 1 }), memory: fc.integer({ min: 1 }), gpu: fc.nat(), disk: fc.integer({ min: 1 }) }, { requiredKeys: [] }),
    retry: fc.record({ max_attempts: fc.integer({ min: 1, max: 20 }), delay_ms: fc.nat(86_400_000) }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
)

/** The same policy with its fields in another order. */
const reversed = (value: object): object => Object.fromEntries(Object.entries(value).toReversed())

test('a key is execclass_ and 32 hex digits', () => {
  expect(keyOf({})).toMatch(/^execclass_[0-9a-f]{32}$/)
})

test('equal policies written differently have equal keys: defaults left out, fields in another order, whatever the retry', () => {
  fc.assert(
    fc.property(policies, fc.integer({ min: 1, max: 20 }), (policy, max_attempts) => {
      const key = keyOf(policy)
      const full = Policy.parse(policy)
      expect(keyOf(full)).toBe(key)
      expect(keyOf(Policy.parse(reversed({ ...full, resources: reversed(full.resources) })))).toBe(key)
      expect(keyOf({ ...full, retry: { max_attempts, delay_ms: 1, backoff_rate: 2, jitter: true } })).toBe(key)
    }),
  )
})

test('no GPU is no GPU, said or not', () => {
  expect(keyOf({ resources: { gpu: 0 } })).toBe(keyOf({}))
})

test.each<[string, PolicyInput]>([
  ['security', { security: 'full' }],
  ['ask', { ask: 'always' }],
  ['runtime_type', { runtime_type: 'runc' }],
  ['workspace_access', { workspace_access: 'ro' }],
  ['network_enabled', { network_enabled: false }],
  ['interactive', { interactive: true }],
  ['cpu', { resources: { cpu: 500 } }],
  ['memory', { resources: { memory: 500 } }],
  ['gpu', { resources: { gpu: 1 } }],
  ['disk', { resources: { disk: 500 } }],
])('another %s is another class', (_, policy) => {
  expect(keyOf(policy)).not.toBe(keyOf({}))
})

test('no two fields can be mistaken for each other', () => {
  const all = [
    {},
    { resources: { cpu: 1 } },
    { resources: { memory: 1 } },
    { resources: { disk: 1 } },
    { resources: { gpu: 1 } },
    { network_enabled: false },
    { interactive: true },
  ]
  expect(new Set(all.map((policy) => keyOf(policy))).size).toBe(all.length)
})

test('workspace, agent and lane each make another class', () => {
  const other_workspace = WorkspaceId.parse(workspace_id.replace(/.$/, '2'))
  const other_agent = AgentId.parse(agent_id.replace(/.$/, '2'))
  const keys = [
    classKey({ workspace_id, agent_id, policy: default_policy }),
    classKey({ workspace_id: other_workspace, agent_id, policy: default_policy }),
    classKey({ workspace_id, agent_id: other_agent, policy: default_policy }),
    classKey({ workspace_id, agent_id, lane: 'a', policy: default_policy }),
    classKey({ workspace_id, agent_id, lane: 'b', policy: default_policy }),
  ]
  expect(new Set(keys).size).toBe(keys.length)
})

test('a command key holds agent and idempotency key apart', () => {
  expect(commandKey(agent_id, 'k')).toMatch(/^[0-9a-f]{32}$/)
  expect(commandKey(agent_id, 'k')).toBe(commandKey(agent_id, 'k'))
  expect(commandKey(agent_id, 'k')).not.toBe(commandKey(agent_id, 'K'))
  expect(commandKey(agent_id, 'k')).not.toBe(commandKey(AgentId.parse(agent_id.replace(/.$/, '2')), 'k'))
})
