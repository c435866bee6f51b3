/** How the agent of the SDK is started: what it is told, what it is offered, and what it never gets to know. */
import type { CanUseTool, HookCallback, Options } from '@anthropic-ai/claude-agent-sdk'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Assignment } from '../../shared/contract/runner-protocol.ts'
import { Deployment } from '../../shared/settings.ts'
import type { SessionFiles } from '../files/session.ts'
import type { Meter } from '../model/meter.ts'
import type { Upstream } from '../model/upstream.ts'
import type { News } from '../news.ts'
import type { Plane } from '../plane.ts'
import { namedTools } from '../tool-gate.ts'
import { spawnInSandbox, type AgentProcess } from './claude-process.ts'
import type { KindInput } from './kind.ts'

export interface ClaudeInput extends KindInput {
  readonly session: SessionFiles
  readonly plane: Plane
  readonly news: News
  /** The agent's home as the runner sees it. */
  readonly host_home: string
  readonly meter: Meter
  readonly upstream: Upstream
  /** How the agent reaches the model: `model_socket` in the sandbox, or a port on its loopback for Bedrock, whose client knows no socket. */
  readonly model_socket: string
  readonly bedrock_port: number
  readonly model_retries_max: number
}

/** Tools that need a human, a terminal, another machine or a later time: none of them is there. */
const unavailable_tools = [
  'AskUserQuestion',
  'EnterPlanMode',
  'ExitPlanMode',
  'EnterWorktree',
  'ExitWorktree',
  'CronCreate',
  'CronDelete',
  'CronList',
  'ScheduleWakeup',
  'RemoteTrigger',
  'PushNotification',
  'Workflow',
]

/** The agent's name for a session: the same for every attempt of the session, and of those that were forked from it. Version 8 of RFC 9562: made from a hash. */
export const sessionUuid = ({
  workspace_id,
  session_id,
  transcript_of = session_id,
}: Pick<Assignment, 'workspace_id' | 'session_id' | 'transcript_of'>): string => {
  const hash = createHash('sha256').update(`${workspace_id}\n${transcript_of}`).digest('hex')
  const variant = ((Number.parseInt(hash[16] ?? '0', 16) & 0x3) | 0x8).toString(16)
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-${variant}${hash.slice(17, 20)}-${hash.slice(20, 32)}`
}

/**
 * On Bedrock the credentials are good for the agent's model alone, so whatever asks for a smaller or larger one (a subagent, a summary)
 * gets that. An alias (`sonnet`) stands for no model then, so it keeps its meaning and the others stay out of reach.
 */
const aliasEnv = ({ assignment }: ClaudeInput): Readonly<Record<string, string>> => {
  const { model } = assignment.agent_config
  if (model === undefined || !/claude|^arn:/.test(model)) return {}
  return Object.fromEntries(['HAIKU', 'SONNET', 'OPUS', 'FABLE'].map((alias) => [`ANTHROPIC_DEFAULT_${alias}_MODEL`, model]))
}

const modelEnv = (input: ClaudeInput): Readonly<Record<string, string>> => {
  const { upstream, model_socket, bedrock_port } = input
  if (upstream.region === undefined)
    // A name that resolves nowhere: what does not go through the socket goes nowhere.
    return { ANTHROPIC_API_KEY: 'held-by-the-runner', ANTHROPIC_BASE_URL: 'http://model.invalid', ANTHROPIC_UNIX_SOCKET: model_socket }
  return {
    CLAUDE_CODE_USE_BEDROCK: '1',
    CLAUDE_CODE_SKIP_BEDROCK_AUTH: '1',
    ANTHROPIC_BEDROCK_BASE_URL: `http://127.0.0.1:${bedrock_port}`,
    AWS_REGION: upstream.region,
    ...aliasEnv(input),
  }
}

const agentEnv = (input: ClaudeInput): Readonly<Record<string, string>> => ({
  ...input.env,
  ...modelEnv(input),
  CLAUDE_CONFIG_DIR: join(input.sandbox.paths.home, '.claude'),
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  CLAUDE_CODE_MAX_RETRIES: String(input.model_retries_max),
  DISABLE_AUTOUPDATER: '1',
  IS_SANDBOX: '1',
})

const offeredTools = ({ assignment }: ClaudeInput): NonNullable<Options['tools']> => {
  const { policy, agent_config } = assignment
  const every = { type: 'preset', preset: 'claude_code' } as const
  if (policy.security === 'deny') return []
  // What is not on the list can be asked for where the policy asks.
  const named = policy.security === 'full' || policy.ask !== 'off' ? undefined : namedTools(agent_config.allowed_tools)
  return named === undefined ? every : [...named]
}

const systemPrompt = ({ assignment }: ClaudeInput): NonNullable<Options['systemPrompt']> => {
  const append = [assignment.agent_config.system_prompt, assignment.extra_system_prompt ?? ''].filter((part) => part !== '').join('\n\n')
  // Each run may bring another extra prompt: a recorded one would hide it.
  return { type: 'preset', preset: 'claude_code', snapshot: false, ...(append === '' ? {} : { append }) }
}

const leftUsd = (meter: Meter): { readonly maxBudgetUsd?: number } => {
  const left = meter.leftUsd()
  return left === undefined ? {} : { maxBudgetUsd: Math.max(0.000_001, left) }
}

/** How long the hook may take: a question may be open for as long as the plane keeps it. */
const hook_timeout_s = 86_400

export interface AgentStart {
  /** The agent's home holds a transcript of the session. */
  readonly resumes: boolean
  readonly hook: HookCallback
  /** The tool whose use was deferred, where the agent goes on from one; it asks `canUseTool` before it uses that. */
  readonly deferred_tool: string | undefined
  readonly canUseTool: CanUseTool
  readonly onStart: (agent: AgentProcess) => void
}

export const optionsOf = (input: ClaudeInput, { resumes, hook, deferred_tool, canUseTool, onStart }: AgentStart): Options => {
  const { assignment, sandbox, cwd } = input
  const { agent_config, policy } = assignment
  const env = agentEnv(input)
  const uuid = sessionUuid(assignment)
  return {
    cwd,
    env: { ...env },
    model: agent_config.model ?? Deployment.parse({}).default_model,
    ...(resumes ? { resume: uuid } : { sessionId: uuid }),
    systemPrompt: systemPrompt(input),
    tools: offeredTools(input),
    disallowedTools: [...unavailable_tools, ...(policy.network_enabled ? [] : ['WebFetch', 'WebSearch'])],
    hooks: { PreToolUse: [{ onFailure: 'block', ...(policy.ask === 'off' ? {} : { timeout: hook_timeout_s }), hooks: [hook] }] },
    // Tells which uses of tools are in one message, which decides whether a question may park the attempt.
    includePartialMessages: policy.ask !== 'off',
    permissionMode: 'default',
    ...(deferred_tool === undefined ? { permissionPrompts: 'none' } : { canUseTool, settings: { permissions: { ask: [deferred_tool] } } }),
    // A repository's own settings may hold hooks, which are code outside of the gate; `@file` in a message would read past it.
    settingSources: [],
    strictMcpConfig: true,
    mcpServersDelivery: 'initialize',
    verbatimPrompts: true,
    ...(agent_config.max_turns === undefined ? {} : { maxTurns: agent_config.max_turns }),
    ...leftUsd(input.meter),
    ...(sandbox.paths.agent_binary === undefined ? {} : { pathToClaudeCodeExecutable: sandbox.paths.agent_binary }),
    spawnClaudeCodeProcess: spawnInSandbox({ sandbox, env, cwd, bridges: input.bridges, onStart }),
  }
}
