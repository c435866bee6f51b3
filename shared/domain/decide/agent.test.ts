import { expect, test } from 'vitest'
import { AgentId, WorkspaceId } from '../ids.ts'
import { Deployment } from '../../settings.ts'
import { decideCreateAgent, decideDeactivateAgent, decideDeleteAgent, decideUpdateAgent, defaultAgentConfig } from './agent.ts'

const zeros = '0'.repeat(26)
const wanted = { id: AgentId.parse(`agt_${zeros}`), workspace_id: WorkspaceId.parse(`ws_${zeros}`), agent_key: 'scribe', config: {}, active: true }
const now_ms = Date.parse('2026-11-22T09:00:00.000Z')
const made = (change: object = {}) => {
  const decision = decideCreateAgent({ ...wanted, ...change }, now_ms)
  if (!decision.ok) throw new Error(decision.detail)
  return decision.value
}

test('a new agent takes its key in the same commit, with a workspace of its own and the defaults', () => {
  const decision = decideCreateAgent(wanted, now_ms)
  expect(decision).toMatchObject({
    ok: true,
    writes: [
      { op: 'put_if_absent', record: { kind: 'agent_key', agent_key: 'scribe', agent_id: wanted.id } },
      { op: 'put_if_absent', record: { kind: 'agent', name: 'scribe', config: { runner: 'claude_code', workspace_dir: '/workspace/agents/scribe' } } },
    ],
  })
  expect(made().config).toEqual({ ...defaultAgentConfig('scribe', Deployment.parse({})), model: undefined })
  expect(made({ config: { workspace_dir: '/else' } }).config.workspace_dir).toBe('/else')
})

test('a change merges the config key by key, and null removes an optional one', () => {
  const agent = made({ config: { model: 'm', max_turns: 3, skills: ['a'] } })
  const decision = decideUpdateAgent(agent, { config: { model: null, skills: ['b'], concurrency: undefined } }, now_ms + 1)
  expect(decision).toMatchObject({ ok: true, writes: [{ op: 'replace_if_version', record: { version: 1 } }] })
  const { model: _, ...config } = agent.config
  expect(decision.ok && decision.value.config).toEqual({ ...config, skills: ['b'] })
})

test('what was shown redacted is not written back, wherever it is', () => {
  for (const config of [{ system_prompt: 'a [redacted] b' }, { skills: ['x', '[redacted]'] }, { command: ['[redacted]'] }])
    expect(decideUpdateAgent(made(), { config }, now_ms)).toMatchObject({ ok: false, code: 'invalid_request' })
  expect(decideUpdateAgent(made(), { name: '[redacted]' }, now_ms)).toMatchObject({ ok: false, errors: [{ field: 'name' }] })
})

test('a process needs its command, at the creation and after a change', () => {
  expect(decideCreateAgent({ ...wanted, config: { runner: 'process' } }, now_ms)).toMatchObject({ ok: false, errors: [{ field: 'config.command' }] })
  expect(decideUpdateAgent(made(), { config: { runner: 'process' } }, now_ms)).toMatchObject({ ok: false, errors: [{ field: 'config.command' }] })
})

test('a deletion frees the key of this agent only, and keeps the record', () => {
  const agent = made()
  const claim = { kind: 'agent_key', workspace_id: agent.workspace_id, agent_key: 'scribe', agent_id: agent.id, version: 4 } as const
  expect(decideDeleteAgent(agent, claim, now_ms).writes).toMatchObject([
    { op: 'replace_if_version', record: { active: false, deleted_at: '2026-11-22T09:00:00.000Z' } },
    { op: 'delete_if_version', version: 4 },
  ])
  expect(decideDeleteAgent(agent, { ...claim, agent_id: AgentId.parse(`agt_${'1'.repeat(26)}`) }, now_ms).writes).toHaveLength(1)
  expect(decideDeleteAgent(agent, undefined, now_ms).writes).toHaveLength(1)
})

test('an agent that is inactive already is not written again', () => {
  expect(decideDeactivateAgent(made(), now_ms).writes).toHaveLength(1)
  expect(decideDeactivateAgent(made({ active: false }), now_ms).writes).toEqual([])
})
