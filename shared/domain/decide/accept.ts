/** Accept: may this command run here, and what makes it durable. */
import { decided, type Decision } from '../decision.ts'
import { earlier, look_again_ms, queueTimeout } from '../due.ts'
import { classKey, commandKey } from '../class-key.ts'
import { placeInLine } from '../lines.ts'
import { refuse, type Refusal } from '../result.ts'
import { roundUpSize } from '../sizes.ts'
import { millis, timestamp } from '../time.ts'
import type { Agent } from '../agent.ts'
import type { Command, CommandParams } from '../command.ts'
import type { SessionId, TaskId } from '../ids.ts'
import type { Policy } from '../policy.ts'
import type { Signal } from '../../ports/ports.ts'
import type { Task } from '../task.ts'
import type { Deployment } from '../../settings.ts'

export interface AcceptRequest {
  readonly agent: Agent
  readonly params: CommandParams
  readonly body_hash: string
  /** Used where the client named none. */
  readonly fresh: { readonly task_id: TaskId; readonly session_id: SessionId; readonly idempotency_key: string }
}
export interface Accepted {
  readonly task: Task
  readonly command: Command
}

const unsupported = (field: string, value: unknown, allowed: readonly string[], why: string): Refusal =>
  refuse('policy_unsupported', `policy.${field} ${JSON.stringify(value)} cannot be enforced here: ${why}`, [
    { field: `policy.${field}`, message: why, value, allowed },
  ])

const sandboxGap = (field: string, value: unknown, allowed: readonly string[], hint: string): Refusal =>
  refuse('sandbox_unavailable', `policy.${field} ${JSON.stringify(value)} cannot be enforced by the sandbox of this machine. ${hint}`, [
    { field: `policy.${field}`, message: hint, value, allowed },
  ])

/** Refuses a policy that this deployment cannot enforce, with the reason; it is never weakened (SPEC §3). */
export const refusePolicy = (policy: Policy, deployment: Deployment, runner: Agent['config']['runner']): Refusal | undefined => {
  const { sandbox } = deployment
  if (policy.ask !== 'off' && runner !== 'claude_code')
    return unsupported('ask', policy.ask, ['off'], `an agent with the runner ${runner} uses no tools that could be asked about`)
  if (!deployment.runtime_types.includes(policy.runtime_type))
    return unsupported('runtime_type', policy.runtime_type, deployment.runtime_types, `this deployment runs ${deployment.runtime_types.join(', ')}`)
  if (!policy.network_enabled && !sandbox.network) return sandboxGap('network_enabled', false, ['true'], sandbox.hint)
  if (policy.workspace_access !== 'rw' && !sandbox.files) return sandboxGap('workspace_access', policy.workspace_access, ['rw'], sandbox.hint)
  const size = roundUpSize(policy.resources, deployment.sizes)
  return size.ok ? undefined : size
}

/** Refuses an agent that cannot run here. */
export const refuseAgent = (agent: Agent, deployment: Deployment): Refusal | undefined => {
  const { runner, provider } = agent.config
  const runners: readonly string[] = deployment.runners
  const providers: readonly string[] = deployment.providers
  if (agent.deleted_at !== undefined) return refuse('not_found', `no agent ${agent.id}`, [{ field: 'agent_id', message: 'no such agent' }])
  if (!agent.active)
    return refuse('agent_inactive', `agent ${agent.agent_key} is not active: activate it, then send the command again`, [
      { field: 'agent_id', message: 'not active' },
    ])
  if (!runners.includes(runner))
    return refuse('runner_unsupported', `agent ${agent.agent_key} wants the runner ${runner}`, [
      { field: 'agent_id', message: `runner ${runner}`, allowed: runners },
    ])
  if (agent.config.skills.length > 0)
    return refuse('feature_unsupported', `agent ${agent.agent_key} has skills, and this deployment cannot load them: take them out of its config`, [
      { field: 'agent_id', message: 'has skills' },
    ])
  if (runner === 'claude_code' && !providers.includes(provider))
    return refuse('provider_unsupported', `agent ${agent.agent_key} wants the provider ${provider}`, [
      { field: 'agent_id', message: `provider ${provider}`, allowed: providers },
    ])
  return undefined
}

/** Refuses a command that cannot be done here. */
export const refuseCommand = (agent: Agent, params: CommandParams, deployment: Deployment): Refusal | undefined => {
  const refusal = refuseAgent(agent, deployment) ?? refusePolicy(params.policy, deployment, agent.config.runner)
  if (refusal ?? params.deliver !== true) return refusal
  return refuse('feature_unsupported', 'delivery to webhooks is not offered', [{ field: 'deliver', message: 'not offered', value: true, allowed: ['false'] }])
}

export const commandOf = (request: AcceptRequest, now_ms: number): Command => {
  const { agent, params, fresh } = request
  const idempotency_key = params.idempotency_key ?? fresh.idempotency_key
  return {
    kind: 'command',
    workspace_id: agent.workspace_id,
    command_key: commandKey(agent.id, idempotency_key),
    task_id: fresh.task_id,
    body_hash: request.body_hash,
    params: { ...params, session_id: params.session_id ?? fresh.session_id, idempotency_key },
    class_key: classKey({ workspace_id: agent.workspace_id, agent_id: agent.id, lane: params.lane, policy: params.policy }),
    agent_config: agent.config,
    accepted_at: timestamp(now_ms),
    version: 1,
  }
}

/**
 * Stores the command under its idempotency key, the task, and its place in line, all or none. A command that starts
 * later (`not_before`) sleeps and gets its place when it wakes.
 */
export const decideAccept = (request: AcceptRequest, deployment: Deployment, now_ms: number): Decision<Accepted> | Refusal => {
  const { agent, params } = request
  const refusal = refuseCommand(agent, params, deployment)
  if (refusal) return refusal
  const accepted = commandOf(request, now_ms)
  const now = timestamp(now_ms)
  const start_ms = params.not_before === undefined ? now_ms : Math.max(now_ms, millis(params.not_before))
  const base = {
    kind: 'task',
    id: accepted.task_id,
    workspace_id: agent.workspace_id,
    agent_id: agent.id,
    session_id: accepted.params.session_id,
    class_key: accepted.class_key,
    command_key: accepted.command_key,
    priority: params.priority,
    ...(params.label === undefined ? {} : { label: params.label }),
    accepted_at: now,
    updated_at: now,
    version: 1,
  } as const
  if (start_ms > now_ms) {
    const wake_at = timestamp(start_ms)
    const task: Task = { ...base, state: 'sleeping', wake_at, due_at: wake_at }
    return decided(
      [
        { op: 'put_if_absent', record: accepted },
        { op: 'put_if_absent', record: task },
      ],
      wakeSignals(task, now_ms),
      { task, command: accepted },
    )
  }
  const late = queueTimeout(params, now_ms)
  const due_at = earlier(timestamp(now_ms + look_again_ms), late.queue_timeout_at)
  const task: Task = { ...base, ...late, state: 'queued', queued_at: now, ...(due_at === undefined ? {} : { due_at }) }
  return decided(
    [
      { op: 'put_if_absent', record: accepted },
      { op: 'put_if_absent', record: task },
      { op: 'put_if_absent', record: placeInLine(task, params.lane) },
    ],
    [{ kind: 'class', workspace_id: task.workspace_id, class_key: task.class_key }],
    { task, command: accepted },
  )
}

/** SQS delays at most 15 minutes; what is due later is left to the sweep. */
const delay_ms_max = 900_000

/** A doorbell for the moment a task is due, if that is soon enough for a delayed message. */
export const wakeSignals = (task: Pick<Task, 'workspace_id' | 'id' | 'due_at'>, now_ms: number): readonly Signal[] => {
  if (task.due_at === undefined) return []
  const delay_ms = Math.max(0, millis(task.due_at) - now_ms)
  return delay_ms > delay_ms_max ? [] : [{ kind: 'task', workspace_id: task.workspace_id, task_id: task.id, delay_ms }]
}
