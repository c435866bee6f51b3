import { expect, test } from 'vitest'
import { decideAccept, refuseAgent, wakeSignals, type AcceptRequest } from './accept.ts'
import { CommandParams, type CommandParamsInput } from '../command.ts'
import { SessionId } from '../ids.ts'
import { agent_id, agentSample, deployment, inSeconds, now, now_ms, paramsSample, stored, taskId, taskSample, workspace_id } from '../samples.ts'
import { Deployment } from '../../settings.ts'

const fresh = { task_id: taskId(1), session_id: SessionId.parse('made'), idempotency_key: 'made' }
const request = (params: Partial<CommandParamsInput> = {}, agent = agentSample()): AcceptRequest => ({
  agent,
  params: paramsSample(params),
  body_hash: 'h',
  fresh,
})
const accepted = (params: Partial<CommandParamsInput> = {}) => {
  const decision = decideAccept(request(params), deployment, now_ms)
  if (!decision.ok) throw new Error(decision.detail)
  return decision
}
const weak = { ...deployment, sandbox: { network: false, files: false, hint: 'install bubblewrap' } }

test.each<[string, Partial<CommandParamsInput>, Deployment, object]>([
  [
    'runtime_type',
    { policy: { runtime_type: 'runc' } },
    deployment,
    { code: 'policy_unsupported', errors: [{ field: 'policy.runtime_type', value: 'runc', allowed: ['gvisor'] }] },
  ],
  [
    'network_enabled',
    { policy: { network_enabled: false } },
    weak,
    { code: 'sandbox_unavailable', errors: [{ field: 'policy.network_enabled', value: false, message: 'install bubblewrap' }] },
  ],
  [
    'workspace_access none',
    { policy: { workspace_access: 'none' } },
    weak,
    { code: 'sandbox_unavailable', errors: [{ field: 'policy.workspace_access', value: 'none', allowed: ['rw'] }] },
  ],
  [
    'workspace_access ro',
    { policy: { workspace_access: 'ro' } },
    weak,
    { code: 'sandbox_unavailable', errors: [{ field: 'policy.workspace_access', value: 'ro' }] },
  ],
  ['gpu', { policy: { resources: { gpu: 1 } } }, deployment, { code: 'size_unavailable', errors: [{ field: 'policy.resources.gpu', value: 1 }] }],
  ['cpu', { policy: { resources: { cpu: 99_000 } } }, deployment, { code: 'size_unavailable', errors: [{ field: 'policy.resources.cpu', value: 99_000 }] }],
  ['deliver', { deliver: true }, deployment, { code: 'feature_unsupported', errors: [{ field: 'deliver', value: true }] }],
])('refuses what cannot be enforced here: %s', (_, params, where, refusal) => {
  expect(decideAccept(request(params), where, now_ms)).toMatchObject({ ok: false, ...refusal })
})

test('what the weak sandbox can enforce is accepted there', () => {
  expect(decideAccept(request({ policy: { workspace_access: 'rw', network_enabled: true } }), weak, now_ms).ok).toBe(true)
  expect(decideAccept(request({ deliver: false, policy: { network_enabled: false, workspace_access: 'none' } }), deployment, now_ms).ok).toBe(true)
})

test.each<[string, object, object, object]>([
  ['deleted', { deleted_at: now }, {}, { code: 'not_found', errors: [{ field: 'agent_id' }] }],
  ['not active', { active: false }, {}, { code: 'agent_inactive', errors: [{ field: 'agent_id' }] }],
  ['of an unknown runner', {}, { runner: 'shell' }, { code: 'runner_unsupported', errors: [{ field: 'agent_id', allowed: ['claude_code', 'process'] }] }],
  ['of another provider', {}, { provider: 'other' }, { code: 'provider_unsupported', errors: [{ field: 'agent_id', allowed: ['claude'] }] }],
  ['with skills, which nothing loads here', {}, { skills: ['skills/one'] }, { code: 'feature_unsupported', errors: [{ field: 'agent_id' }] }],
])('refuses an agent that is %s', (_, changes, config, refusal) => {
  expect(decideAccept(request({}, agentSample(changes, config)), deployment, now_ms)).toMatchObject({ ok: false, ...refusal })
})

test('a runner that the deployment does not offer is refused, a process needs no provider', () => {
  const process = agentSample({}, { runner: 'process', provider: 'other', command: ['true'] })
  expect(refuseAgent(process, deployment)).toBeUndefined()
  expect(refuseAgent(process, Deployment.parse({}))).toMatchObject({ code: 'runner_unsupported', errors: [{ allowed: ['claude_code'] }] })
})

test('a command becomes command, task and place in one commit, and rings its class', () => {
  const decision = accepted({ label: 'l', lane: 'a', priority: 'high' })
  const [task] = stored(decision, 'task')
  const [command] = stored(decision, 'command')
  const [place] = stored(decision, 'place')
  expect(decision.writes.map((write) => write.op)).toEqual(['put_if_absent', 'put_if_absent', 'put_if_absent'])
  expect(task).toMatchObject({ id: taskId(1), workspace_id, state: 'queued', queued_at: now, priority: 'high', label: 'l', due_at: inSeconds(60), version: 1 })
  expect(command).toMatchObject({
    task_id: taskId(1),
    body_hash: 'h',
    params: { session_id: 's', idempotency_key: 'made', lane: 'a' },
    agent_config: agentSample().config,
  })
  expect(place).toMatchObject({ line: 'class', task_id: taskId(1), lane: 'a', rank: 1, session_id: 's', class_key: task?.class_key })
  expect(decision.signals).toEqual([{ kind: 'class', workspace_id, class_key: task?.class_key }])
  expect([decision.value.task, decision.value.command]).toEqual([task, command])
})

test('a policy that asks is for agents that use tools', () => {
  const asks = (runner: string) => decideAccept(request({ policy: { ask: 'always' } }, agentSample({}, { runner })), deployment, now_ms)
  expect(asks('claude_code').ok).toBe(true)
  expect(asks('process')).toMatchObject({ code: 'policy_unsupported', errors: [{ field: 'policy.ask', value: 'always', allowed: ['off'] }] })
})

test('what the client names is kept, what it leaves out is made', () => {
  expect(accepted({ session_id: undefined }).value.task.session_id).toBe('made')
  expect(accepted({ session_id: 'mine', idempotency_key: 'k' }).value.command.params).toMatchObject({ session_id: 'mine', idempotency_key: 'k' })
  expect(accepted({ idempotency_key: 'k' }).value.command.command_key).not.toBe(accepted({ idempotency_key: 'K' }).value.command.command_key)
})

test('a command that starts later sleeps, without a place, until then', () => {
  const decision = accepted({ not_before: '2026-11-22T11:05:00+02:00', queue_timeout_ms: 30_000 })
  expect(stored(decision, 'task')).toMatchObject([{ state: 'sleeping', wake_at: inSeconds(300), due_at: inSeconds(300) }])
  expect(decision.value.task).not.toHaveProperty('queue_timeout_at')
  expect(stored(decision, 'place')).toEqual([])
  expect(decision.signals).toEqual([{ kind: 'task', workspace_id, task_id: taskId(1), delay_ms: 300_000 }])
})

test('a start in the past is now', () => {
  expect(accepted({ not_before: '2020-01-01T00:00:00Z', queue_timeout_ms: 5_000 }).value.task).toMatchObject({
    state: 'queued',
    queue_timeout_at: inSeconds(5),
    due_at: inSeconds(5),
  })
  expect(accepted({ not_before: now }).value.task.state).toBe('queued')
})

test('a queued task is due within a minute, or at its queue timeout if that is sooner', () => {
  expect(accepted({ queue_timeout_ms: 3_600_000 }).value.task).toMatchObject({ due_at: inSeconds(60), queue_timeout_at: inSeconds(3_600) })
  expect(accepted({ queue_timeout_ms: 1_000 }).value.task).toMatchObject({ due_at: inSeconds(1), queue_timeout_at: inSeconds(1) })
  expect(accepted().value.task).not.toHaveProperty('queue_timeout_at')
})

test('a doorbell goes to the queue if it is at most 15 minutes off, else the sweep rings', () => {
  const due = (seconds: number) => wakeSignals(taskSample('sleeping', { due_at: inSeconds(seconds) }), now_ms)
  expect(due(-5)).toMatchObject([{ delay_ms: 0 }])
  expect(due(900)).toMatchObject([{ delay_ms: 900_000 }])
  expect(due(901)).toEqual([])
  expect(wakeSignals({ workspace_id, id: taskId(1), due_at: undefined }, now_ms)).toEqual([])
})

const optional_texts = ['session_key', 'hook_id', 'lane', 'extra_system_prompt', 'idempotency_key', 'label', 'spawned_by'] as const

test.each(optional_texts)('%s is trimmed, and an empty one counts as absent', (field) => {
  expect(CommandParams.parse({ message: 'm', agent_id, [field]: '  a b ' })[field]).toBe('a b')
  expect(CommandParams.parse({ message: 'm', agent_id, [field]: '   ' })[field]).toBeUndefined()
  expect(CommandParams.parse({ message: 'm', agent_id, [field]: '' })[field]).toBeUndefined()
})

test('routing and provenance are trimmed alike, and an empty session id counts as absent', () => {
  const params = CommandParams.parse({
    message: 'm',
    agent_id,
    session_id: ' ',
    routing: { to: ' x ', channel: '' },
    input_provenance: { source: ' y ', message_id: ' ' },
  })
  expect(params.session_id).toBeUndefined()
  expect([params.routing.to, params.routing.channel]).toEqual(['x', undefined])
  expect([params.input_provenance?.source, params.input_provenance?.message_id]).toEqual(['y', undefined])
})

test('the defaults of a command', () => {
  expect(CommandParams.parse({ message: 'm', agent_id })).toMatchObject({
    timeout_ms: 600_000,
    priority: 'normal',
    routing: {},
    attachments: [],
    policy: { security: 'allowlist' },
  })
})

test.each([
  ['message', { message: ' \n ' }],
  ['message', { message: undefined }],
  ['agent_id', { agent_id: 'helper' }],
  ['agent_id', { agent_id: undefined }],
  ['session_id', { session_id: 'a b' }],
  ['timeout_ms', { timeout_ms: -1 }],
  ['timeout_ms', { timeout_ms: 1.5 }],
  ['priority', { priority: 'highest' }],
  ['not_before', { not_before: 'tomorrow' }],
  ['queue_timeout_ms', { queue_timeout_ms: 0 }],
  ['budget_usd', { budget_usd: 0 }],
  ['parent_task_id', { parent_task_id: 'task_1' }],
  ['attachments.0.name', { attachments: [{ name: '../x', content: '' }] }],
  ['attachments.0.name', { attachments: [{ name: '..', content: '' }] }],
  ['metadata', { metadata: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`k${n}`, ''])) }],
  ['deliver', { deliver: 'yes' }],
])('a wrong %s is named', (path, changes) => {
  const issues = CommandParams.safeParse({ message: 'm', agent_id, ...changes }).error?.issues ?? []
  expect(issues.map((issue) => issue.path.join('.'))).toEqual([path])
})

test("a timeout of 0 is a timeout: the deployment's longest", () => {
  expect(CommandParams.parse({ message: 'm', agent_id, timeout_ms: 0 }).timeout_ms).toBe(0)
})
