/** What may happen on a plane under chance: one function per thing that clients, queues, sandboxes, operators and clocks do. */
import { createHash } from 'node:crypto'
import { Agent, AgentConfig } from '../../shared/domain/agent.ts'
import { AgentId, RunId, type TaskId } from '../../shared/domain/ids.ts'
import { CommandParams, priorities } from '../../shared/domain/command.ts'
import { timestamp } from '../../shared/domain/time.ts'
import { acceptCommand } from '../../shared/flows/accept.ts'
import { wakeAgentClasses } from '../../shared/flows/agent-work.ts'
import { archiveTask } from '../../shared/flows/archive.ts'
import { cancelRun, cancelTask } from '../../shared/flows/cancel.ts'
import { lookAtClass } from '../../shared/flows/dispatch.ts'
import { applyAttemptEvent } from '../../shared/flows/finish.ts'
import { lookAtSchedule } from '../../shared/flows/schedule-look.ts'
import { lookAtTask } from '../../shared/flows/look.ts'
import { retryTask } from '../../shared/flows/retry.ts'
import { claimAttempt, heartbeat, reportFinish, type RunnerIdentity } from '../../shared/flows/runner.ts'
import { lookAtSession } from '../../shared/flows/session.ts'
import { sweep } from '../../shared/flows/sweep.ts'
import { Claim, type Finish } from '../../shared/contract/runner-protocol.ts'
import { InjectedError } from './gates.ts'
import { secretOf, test_usage } from './plane.ts'
import type { ActedSandbox, Chaos } from './chaos.ts'
import type { LookDeps } from '../../shared/flows/flow.ts'
import type { Signal } from '../../shared/ports/ports.ts'
import type { Result } from '../../shared/domain/result.ts'

/** Refusals that a client, a runner or a stale message may rightly get. */
const expected = (chaos: Chaos, what: string, result: Result<unknown>, codes: readonly string[]): void => {
  if (!result.ok && !codes.includes(result.code)) chaos.violations.push(`${what}: ${result.code}: ${result.detail}`)
}

const policies = [
  {},
  { retry: { max_attempts: 1 } },
  { retry: { max_attempts: 3, delay_ms: 5_000 } },
  { retry: { max_attempts: 3, delay_ms: 90_000, backoff_rate: 2 } },
] as const

const randomParams = (chaos: Chaos): CommandParams => {
  const { random } = chaos
  return CommandParams.parse({
    message: 'hello',
    agent_id: random.pick(chaos.journal.all('agent')).id,
    policy: random.pick(policies),
    priority: random.pick(priorities),
    ...(random.chance(0.7) ? { session_id: random.pick(['s1', 's2', 's3']) } : {}),
    ...(random.chance(0.4) ? { lane: random.pick(['a', 'b']) } : {}),
    ...(random.chance(0.3) ? { idempotency_key: random.pick(['k1', 'k2', 'k3']) } : {}),
    ...(random.chance(0.15) ? { not_before: timestamp(chaos.now_ms + random.int(300_000)) } : {}),
    ...(random.chance(0.15) ? { queue_timeout_ms: 1 + random.int(600_000) } : {}),
    ...(random.chance(0.2) ? { timeout_ms: 30_000 } : {}),
  })
}

export const accept = (chaos: Chaos): void => {
  const params = randomParams(chaos)
  chaos.handle(`accept ${JSON.stringify(params.session_id)}`, async (deps) => {
    const accepted = await acceptCommand(deps, { workspace_id: chaos.workspace_id, params, body_hash: JSON.stringify(params) })
    expected(chaos, 'accept', accepted, ['agent_inactive', 'not_found'])
    if (accepted.ok && !chaos.journal.all('task').some((task) => task.id === accepted.value.task.id))
      chaos.violations.push(`${accepted.value.task.id} was accepted and is in no table`)
    const stored = chaos.journal
      .all('command')
      .filter((command) => command.params.idempotency_key === params.idempotency_key && command.params.agent_id === params.agent_id)
    if (params.idempotency_key !== undefined && stored.length > 1) chaos.violations.push(`${params.idempotency_key} made ${stored.length} tasks`)
  })
}

const hear = async (deps: LookDeps, signal: Signal): Promise<void> => {
  if (signal.kind === 'class') await lookAtClass(deps, signal)
  else if (signal.kind === 'session') await lookAtSession(deps, signal)
  else if (signal.kind === 'attempt') await applyAttemptEvent(deps, signal.event)
  else if (signal.kind === 'task') await lookAtTask(deps, signal)
  else await lookAtSchedule(deps, signal)
}

/** Delivers one doorbell whose time has come, in any order. */
export const deliver = (chaos: Chaos, how: 'once' | 'and keep it' | 'never' = 'once'): boolean => {
  const due = chaos.doorbells.filter((doorbell) => doorbell.at_ms <= chaos.now_ms)
  if (due.length === 0) return false
  const doorbell = chaos.random.pick(due)
  if (how !== 'and keep it') chaos.doorbells.splice(chaos.doorbells.indexOf(doorbell), 1)
  if (how !== 'never') chaos.handle(`hear ${JSON.stringify(doorbell.signal)}`, async (deps) => hear(deps, doorbell.signal))
  return true
}

const identity = (chaos: Chaos, sandbox: ActedSandbox): RunnerIdentity => ({
  workspace_id: chaos.workspace_id,
  run_id: sandbox.run_id,
  attempt_no: sandbox.attempt_no,
  secret: secretOf(sandbox),
})

/** The sandbox is gone; compute says so, unless that message is lost. */
const exit = (chaos: Chaos, sandbox: ActedSandbox, exit_code: number): void => {
  if (sandbox.state === 'stopped') return
  sandbox.state = 'stopped'
  const { run_id, attempt_no, execution_id } = sandbox
  const event = { type: 'stopped', workspace_id: chaos.workspace_id, run_id, attempt_no, execution_id, exit_code, reason: 'it left' } as const
  if (!chaos.faults || chaos.random.chance(0.7)) chaos.doorbells.push({ signal: { kind: 'attempt', event }, at_ms: chaos.now_ms })
}

export const claim = (chaos: Chaos, sandbox: ActedSandbox): void => {
  const attempt_token_hash = createHash('sha256').update(secretOf(sandbox)).digest('hex')
  const { run_id, attempt_no, claim_token, execution_id } = sandbox
  const named = chaos.random.chance(0.8) ? { execution_id } : {}
  chaos.handle(`claim ${sandbox.attempt_id}`, async (deps) => {
    const claimed = await claimAttempt(deps, Claim.parse({ workspace_id: chaos.workspace_id, run_id, attempt_no, claim_token, attempt_token_hash, ...named }))
    expected(chaos, 'claim', claimed, ['claim_rejected'])
    if (!claimed.ok) exit(chaos, sandbox, 1)
    else if (sandbox.state === 'starting') sandbox.state = 'running'
  })
}

const over = ['attempt_superseded', 'unauthenticated'] as const

export const beat = (chaos: Chaos, sandbox: ActedSandbox): void =>
  chaos.handle(`heartbeat ${sandbox.attempt_id}`, async (deps) => {
    const order = await heartbeat(deps, identity(chaos, sandbox), chaos.random.chance(0.5) ? test_usage : undefined)
    expected(chaos, 'heartbeat', order, over)
    if (!order.ok) exit(chaos, sandbox, 1)
    else if (order.value.order === 'stop') sandbox.told_to_stop = true
  })

const words: readonly Finish[] = [
  { outcome: 'ok', usage: test_usage, result: 'done', saved: { workspace_bytes: 1 } },
  { outcome: 'error', usage: test_usage, error: { code: 'boom', message: 'x', retryable: true }, exit_code: 1 },
  { outcome: 'error', usage: test_usage, error: { code: 'bad', message: 'x', retryable: false }, exit_code: 78 },
  { outcome: 'timeout', usage: test_usage },
]
const good_word: Finish = { outcome: 'ok', usage: test_usage, result: 'done' }

/** The runner says how it ended, and leaves once the table has it. */
export const report = (chaos: Chaos, sandbox: ActedSandbox): void => {
  const said = chaos.faults ? chaos.random.pick(words) : good_word
  const word: Finish = sandbox.told_to_stop ? { outcome: 'cancelled', usage: test_usage } : said
  chaos.handle(`finish ${sandbox.attempt_id} ${word.outcome}`, async (deps) => {
    sandbox.said.add(word.outcome)
    const recorded = await reportFinish(deps, identity(chaos, sandbox), word)
    expected(chaos, 'finish', recorded, over)
    if (!recorded.ok || recorded.value) exit(chaos, sandbox, recorded.ok ? 0 : 1)
  })
}

export const die = (chaos: Chaos, sandbox: ActedSandbox): void => exit(chaos, sandbox, chaos.random.pick([0, 1, 137]))

/** Compute stops what it was asked to stop. */
export const obey = (chaos: Chaos): void => {
  for (const sandbox of chaos.sandboxes) if (sandbox.told_to_stop) exit(chaos, sandbox, 143)
}

export const cancel = (chaos: Chaos, task_id: TaskId): void =>
  chaos.handle(`cancel ${task_id}`, async (deps) => {
    const cancelled = await cancelTask(deps, { workspace_id: chaos.workspace_id, task_id })
    expected(chaos, 'cancel', cancelled, [])
    if (cancelled.ok && cancelled.value.run !== undefined) chaos.cancelled_runs.add(cancelled.value.run.id)
  })

export const cancelItsRun = (chaos: Chaos, run_id: string): void =>
  chaos.handle(`cancel ${run_id}`, async (deps) => {
    const cancelled = await cancelRun(deps, { workspace_id: chaos.workspace_id, run_id: RunId.parse(run_id) })
    expected(chaos, 'cancel run', cancelled, [])
    if (cancelled.ok) chaos.cancelled_runs.add(run_id)
  })

export const archive = (chaos: Chaos, task_id: TaskId): void =>
  chaos.handle(`archive ${task_id}`, async (deps) =>
    expected(chaos, 'archive', await archiveTask(deps, { workspace_id: chaos.workspace_id, task_id }), ['illegal_state']),
  )

export const retry = (chaos: Chaos, task_id: TaskId): void =>
  chaos.handle(`retry ${task_id}`, async (deps) =>
    expected(chaos, 'retry', await retryTask(deps, { workspace_id: chaos.workspace_id, task_id }), ['illegal_state', 'agent_inactive', 'not_found']),
  )

export const sweepOnce = (chaos: Chaos): void =>
  chaos.handle('sweep', async (deps) => {
    await sweep(deps, (record, cause) => {
      if (!(cause instanceof InjectedError)) chaos.gates.bugs.push(`a look at a ${record.kind} failed: ${cause instanceof Error ? cause.stack : String(cause)}`)
    })
  })

/** A new agent, straight into the table. */
export const addAgent = async (chaos: Chaos, concurrency: number): Promise<void> => {
  const now = timestamp(chaos.now_ms)
  const id = AgentId.parse(chaos.ids.mint('agent'))
  const config = AgentConfig.parse({ runner: 'process', command: ['true'], concurrency })
  const agent = Agent.parse({
    kind: 'agent',
    id,
    workspace_id: chaos.workspace_id,
    agent_key: `a-${concurrency}`,
    name: 'A',
    config,
    active: true,
    created_at: now,
    updated_at: now,
    version: 1,
  })
  await chaos.journal.store.commit([{ op: 'put_if_absent', record: agent }])
}

/** Somebody changes an agent; now and then nobody is told. */
export const changeAgent = (chaos: Chaos, change: { readonly active?: boolean; readonly concurrency?: number; readonly deleted?: true }): void => {
  const { concurrency, active, deleted } = change
  const agent = chaos.random.pick(chaos.journal.all('agent'))
  const told = chaos.random.chance(0.7)
  chaos.handle(`change ${agent.id} ${JSON.stringify(change)}${told ? '' : ', untold'}`, async (deps) => {
    const config = { ...agent.config, ...(concurrency === undefined ? {} : { concurrency }) }
    const changed: Agent = { ...agent, config, active: active ?? agent.active, ...(deleted === true ? { deleted_at: timestamp(chaos.now_ms) } : {}) }
    await deps.store.commit([{ op: 'replace_if_version', record: changed }])
    if (told) await wakeAgentClasses(deps, { workspace_id: chaos.workspace_id, agent_id: agent.id })
  })
}
