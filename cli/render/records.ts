/** Records as tables and as fields. */
import type { AgentView } from '../../shared/contract/agents.ts'
import type { InstanceView } from '../../shared/contract/instances.ts'
import type { AttemptView, RunView } from '../../shared/contract/runs.ts'
import type { TaskView } from '../../shared/contract/tasks.ts'
import type { ApiKeyView, WorkspaceView } from '../../shared/contract/workspaces.ts'
import { ago, count, duration, oneLine, usd } from './format.ts'
import { clean, toned, type Style } from './style.ts'
import { fields, table } from './table.ts'
import { totalUsd, usageLine } from './usage.ts'

/** What tables need beside the records. */
export interface Shown {
  readonly style: Style
  readonly now_ms: number
  /** Keys of agents by their ids. */
  readonly agents: ReadonlyMap<string, string>
}

const when = (at: string | undefined, now_ms: number): string | undefined => (at === undefined ? undefined : `${ago(at, now_ms)} (${at})`)
const between = (from: string | undefined, to: string | undefined): string =>
  from === undefined || to === undefined ? '' : duration(Date.parse(to) - Date.parse(from))
const nothing = (what: string): string => `No ${what}.\n`
const flag = (yes: boolean): string => (yes ? 'yes' : 'no')

export const agentTable = ({ style, now_ms }: Shown, agents: readonly AgentView[]): string =>
  agents.length === 0
    ? nothing('agents')
    : table(
        style,
        [
          { title: 'KEY', cell: (agent) => style.bold(agent.agent_key) },
          { title: 'NAME', cell: (agent) => oneLine(clean(agent.name), 30) },
          { title: 'RUNNER', cell: (agent) => agent.config.runner },
          { title: 'MODEL', cell: (agent) => (agent.config.runner === 'process' ? '-' : (agent.config.model ?? 'default')) },
          { title: 'LIMIT', cell: (agent) => String(agent.config.concurrency), align: 'right' },
          { title: 'STATUS', cell: (agent) => toned(style, agent.active ? 'active' : 'inactive') },
          { title: 'CREATED', cell: (agent) => ago(agent.created_at, now_ms) },
          { title: 'ID', cell: (agent) => style.dim(agent.id) },
        ],
        agents,
      )

export const agentFields = ({ style, now_ms }: Shown, agent: AgentView): string => {
  const { config } = agent
  return fields(style, [
    ['key', style.bold(agent.agent_key)],
    ['id', agent.id],
    ['name', clean(agent.name)],
    ['status', toned(style, agent.active ? 'active' : 'inactive')],
    ['runner', config.runner],
    ['command', config.command === undefined ? undefined : clean(JSON.stringify(config.command))],
    ['model', config.runner === 'process' ? undefined : (config.model ?? 'the deployment’s default')],
    ['system prompt', oneLine(clean(config.system_prompt), 200)],
    ['tools', config.runner === 'process' ? undefined : config.allowed_tools.length === 0 ? 'none' : clean(config.allowed_tools.join(', '))],
    ['skills', clean(config.skills.join(', '))],
    ['folder', config.workspace_dir],
    ['limit', String(config.concurrency)],
    ['turns', config.max_turns === undefined ? undefined : String(config.max_turns)],
    ['created', when(agent.created_at, now_ms)],
    ['updated', when(agent.updated_at, now_ms)],
  ])
}

export const taskTable = ({ style, now_ms, agents }: Shown, tasks: readonly TaskView[]): string =>
  tasks.length === 0
    ? nothing('tasks')
    : table(
        style,
        [
          { title: 'TASK', cell: (task) => task.id },
          { title: 'STATE', cell: (task) => toned(style, task.state) },
          { title: 'AGENT', cell: (task) => agents.get(task.agent_id) ?? style.dim(task.agent_id) },
          { title: 'SESSION', cell: (task) => oneLine(clean(task.session_id), 32) },
          { title: 'ACCEPTED', cell: (task) => ago(task.accepted_at, now_ms) },
          { title: 'TOOK', cell: (task) => between(task.accepted_at, task.finished_at), align: 'right' },
          { title: 'COST', cell: (task) => (totalUsd(task.usage) === 0 ? '' : usd(totalUsd(task.usage))), align: 'right' },
          { title: 'WHAT', cell: (task) => oneLine(clean(task.label ?? task.payload.message), 40) },
        ],
        tasks,
      )

export const taskFields = ({ style, now_ms, agents }: Shown, task: TaskView, run: RunView | undefined): string => {
  const { payload } = task
  return fields(style, [
    ['task', style.bold(task.id)],
    ['state', toned(style, task.state)],
    ['dropped', task.dropped_reason],
    ['error', run?.error === undefined ? undefined : style.red(`${run.error.code}: ${clean(run.error.message)}`)],
    ['agent', `${agents.get(task.agent_id) ?? ''} ${style.dim(task.agent_id)}`.trim()],
    ['session', clean(task.session_id)],
    ['forked from', payload.fork_from === undefined ? undefined : `session ${clean(payload.fork_from.session_id)}`],
    ['lane', payload.lane === undefined ? undefined : clean(payload.lane)],
    ['label', task.label === undefined ? undefined : clean(task.label)],
    ['priority', task.priority],
    ['message', clean(payload.message).trimEnd()],
    [
      'attachments',
      clean(payload.attachments.map((file) => (file.size_bytes === undefined ? file.name : `${file.name} (${count(file.size_bytes)} bytes)`)).join(', ')),
    ],
    ['result', run?.result === undefined ? undefined : clean(run.result).trimEnd()],
    [
      'run',
      task.target_run_id === undefined
        ? undefined
        : `${task.target_run_id}${run === undefined ? '' : ` ${toned(style, run.status)}, attempt ${run.attempt_no}`}`,
    ],
    ['accepted', when(task.accepted_at, now_ms)],
    ['wakes', when(task.wake_at, now_ms)],
    ['dispatched', when(task.dispatched_at, now_ms)],
    ['finished', when(task.finished_at, now_ms)],
    ['archived', when(task.archived_at, now_ms)],
    ['used', usageLine(task.usage)],
    ['key', clean(task.idempotency_key)],
    ['class', style.dim(task.execution_class_key)],
  ])
}

export const runTable = ({ style, now_ms, agents }: Shown, runs: readonly RunView[]): string =>
  runs.length === 0
    ? nothing('runs')
    : table(
        style,
        [
          { title: 'RUN', cell: (run) => run.id },
          { title: 'STATUS', cell: (run) => toned(style, run.status) },
          { title: 'AGENT', cell: (run) => agents.get(run.agent_id) ?? style.dim(run.agent_id) },
          { title: 'SESSION', cell: (run) => oneLine(clean(run.session_id), 32) },
          { title: 'ATTEMPT', cell: (run) => String(run.attempt_no), align: 'right' },
          { title: 'CREATED', cell: (run) => ago(run.created_at, now_ms) },
          { title: 'TOOK', cell: (run) => between(run.started_at, run.ended_at), align: 'right' },
          { title: 'COST', cell: (run) => (totalUsd(run.usage) === 0 ? '' : usd(totalUsd(run.usage))), align: 'right' },
          { title: 'TASK', cell: (run) => style.dim(run.origin_task_id) },
        ],
        runs,
      )

export const runFields = ({ style, now_ms, agents }: Shown, run: RunView, attempts: readonly AttemptView[]): string => {
  const head = fields(style, [
    ['run', style.bold(run.id)],
    ['status', toned(style, run.status)],
    ['error', run.error === undefined ? undefined : style.red(`${run.error.code}: ${clean(run.error.message)}`)],
    ['task', run.origin_task_id],
    ['agent', `${agents.get(run.agent_id) ?? ''} ${style.dim(run.agent_id)}`.trim()],
    ['session', clean(run.session_id)],
    ['model', run.model],
    [
      'policy',
      `security ${run.exec_security}, ask ${run.exec_ask}, ${run.runtime_type}, workspace ${run.workspace_access}, network ${flag(run.network_enabled)}`,
    ],
    ['result', run.result === undefined ? undefined : clean(run.result).trimEnd()],
    ['created', when(run.created_at, now_ms)],
    ['started', when(run.started_at, now_ms)],
    ['ended', when(run.ended_at, now_ms)],
    ['used', usageLine(run.usage)],
  ])
  return attempts.length === 0 ? head : `${head}\n${attemptTable({ style, now_ms, agents }, attempts)}`
}

const attemptTable = ({ style, now_ms }: Shown, attempts: readonly AttemptView[]): string =>
  table(
    style,
    [
      { title: 'ATTEMPT', cell: (attempt) => String(attempt.attempt_no), align: 'right' },
      { title: 'STATUS', cell: (attempt) => toned(style, attempt.status) },
      { title: 'ADMITTED', cell: (attempt) => ago(attempt.admitted_at, now_ms) },
      { title: 'LAUNCH', cell: (attempt) => between(attempt.admitted_at, attempt.started_at), align: 'right' },
      { title: 'TOOK', cell: (attempt) => between(attempt.started_at, attempt.ended_at), align: 'right' },
      { title: 'EXIT', cell: (attempt) => (attempt.exit_code === undefined ? '' : String(attempt.exit_code)), align: 'right' },
      { title: 'ERROR', cell: (attempt) => (attempt.error === undefined ? '' : oneLine(clean(`${attempt.error.code}: ${attempt.error.message}`), 80)) },
    ],
    attempts,
  )

export const instanceTable = ({ style, now_ms, agents }: Shown, instances: readonly InstanceView[]): string =>
  instances.length === 0
    ? nothing('execution instances')
    : table(
        style,
        [
          { title: 'AGENT', cell: (instance) => agents.get(instance.agent_id) ?? style.dim(instance.agent_id) },
          { title: 'LANE', cell: (instance) => (instance.lane === undefined ? '' : oneLine(clean(instance.lane), 24)) },
          { title: 'STATUS', cell: (instance) => toned(style, instance.status) },
          { title: 'RUNNING', cell: (instance) => String(instance.running_attempts), align: 'right' },
          { title: 'PENDING', cell: (instance) => String(instance.pending_attempts), align: 'right' },
          { title: 'STOPPING', cell: (instance) => String(instance.stopping_attempts), align: 'right' },
          { title: 'LIMIT', cell: (instance) => String(instance.desired_dispatch_concurrency), align: 'right' },
          { title: 'IN LINE', cell: (instance) => `${count(instance.waiting_tasks)}${instance.waiting_tasks_more ? '+' : ''}`, align: 'right' },
          { title: 'LAST EVENT', cell: (instance) => (instance.last_event_at === undefined ? '' : ago(instance.last_event_at, now_ms)) },
          { title: 'CLASS', cell: (instance) => style.dim(instance.instance_key) },
        ],
        instances,
      )

const limit_setters = { operator: 'set by an operator', lane: 'of the lane', agent: 'of the agent' } as const

export const instanceFields = ({ style, now_ms, agents }: Shown, instance: InstanceView): string =>
  fields(style, [
    ['instance', style.bold(instance.instance_key)],
    ['agent', `${agents.get(instance.agent_id) ?? ''} ${style.dim(instance.agent_id)}`.trim()],
    ['lane', instance.lane === undefined ? undefined : clean(instance.lane)],
    ['status', toned(style, instance.status)],
    ['failures', `${instance.failed_attempts} in a row; degraded at ${instance.failed_attempt_threshold}`],
    ['probe', instance.status === 'degraded' ? when(instance.cooldown_until, now_ms) : undefined],
    ['limit', `${instance.desired_dispatch_concurrency}, ${limit_setters[instance.limit_set_by]}`],
    ['running', String(instance.running_attempts)],
    ['pending', String(instance.pending_attempts)],
    ['stopping', String(instance.stopping_attempts)],
    ['in line', `${count(instance.waiting_tasks)}${instance.waiting_tasks_more ? '+' : ''}`],
    ['last event', when(instance.last_event_at, now_ms)],
    ['created', when(instance.created_at, now_ms)],
  ])

export const keyTable = ({ style, now_ms }: Shown, keys: readonly ApiKeyView[]): string =>
  keys.length === 0
    ? nothing('keys')
    : table(
        style,
        [
          { title: 'NAME', cell: (key) => oneLine(clean(key.name), 40) },
          { title: 'ROLE', cell: (key) => key.role },
          { title: 'BEGINS', cell: (key) => `${key.hint}…` },
          { title: 'STATUS', cell: (key) => toned(style, key.revoked_at === undefined ? 'active' : 'revoked') },
          { title: 'CREATED', cell: (key) => ago(key.created_at, now_ms) },
          { title: 'ID', cell: (key) => style.dim(key.id) },
        ],
        keys,
      )

export const workspaceTable = ({ style, now_ms }: Shown, workspaces: readonly WorkspaceView[]): string =>
  workspaces.length === 0
    ? nothing('workspaces')
    : table(
        style,
        [
          { title: 'NAME', cell: (workspace) => oneLine(clean(workspace.name), 60) },
          { title: 'CREATED', cell: (workspace) => ago(workspace.created_at, now_ms) },
          { title: 'ID', cell: (workspace) => workspace.id },
        ],
        workspaces,
      )
