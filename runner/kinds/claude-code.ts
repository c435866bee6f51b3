/**
 * Kind `claude_code`: the Claude Agent SDK drives the real agent, which runs in the sandbox from its first instruction. The runner keeps
 * what the agent must not have: the model's credential (behind the proxy), the plane's token, the gate of the tools.
 */
import type { Options, Query, SDKResultMessage, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { redactText } from '../../shared/domain/redact.ts'
import type { ModelUsage } from '../../shared/domain/usage.ts'
import { Deployment } from '../../shared/settings.ts'
import { attachmentsNote } from '../files/attachments.ts'
import { placeTranscript, type SessionFiles } from '../files/session.ts'
import type { Meter } from '../model/meter.ts'
import type { Upstream } from '../model/upstream.ts'
import { aborted, pause } from '../stop.ts'
import { createToolGate, namedTools } from '../tool-gate.ts'
import { logLines } from './claude-log.ts'
import { attemptUsage, failureOf, totalUsage } from './claude-outcome.ts'
import { spawnInSandbox, type AgentProcess } from './claude-process.ts'
import { failure, stoppedResult, type KindInput, type KindResult } from './kind.ts'

export interface ClaudeInput extends KindInput {
  readonly session: SessionFiles
  /** The agent's home as the runner sees it. */
  readonly host_home: string
  readonly meter: Meter
  readonly upstream: Upstream
  /** How the agent reaches the model: `model_socket` in the sandbox, or a port on its loopback for Bedrock, whose client knows no socket. */
  readonly model_socket: string
  readonly bedrock_port: number
  readonly model_retries_max: number
}
export interface ClaudeResult extends KindResult {
  /** What the transcript's agent has used over its whole life; undefined if it never started. */
  readonly used_now: ModelUsage | undefined
}

/** How long an interrupted agent may take to say what it used. */
const interrupt_wait_ms = 2_000
const result_length_max = 32_768

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

/** The agent's name for a session: the same for every attempt of the session, and of no other. Version 8 of RFC 9562: made from a hash. */
export const sessionUuid = (workspace_id: string, session_id: string): string => {
  const hash = createHash('sha256').update(`${workspace_id}\n${session_id}`).digest('hex')
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
  const named = policy.security === 'full' ? undefined : namedTools(agent_config.allowed_tools)
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

const optionsOf = (input: ClaudeInput, resumes: boolean, onStart: (agent: AgentProcess) => void): Options => {
  const { assignment, sandbox, stop, cwd } = input
  const { agent_config, policy } = assignment
  const env = agentEnv(input)
  const gate = createToolGate(policy.security, agent_config.allowed_tools, cwd)
  const uuid = sessionUuid(assignment.workspace_id, assignment.session_id)
  return {
    cwd,
    env: { ...env },
    model: agent_config.model ?? Deployment.parse({}).default_model,
    ...(resumes ? { resume: uuid } : { sessionId: uuid }),
    systemPrompt: systemPrompt(input),
    tools: offeredTools(input),
    disallowedTools: [...unavailable_tools, ...(policy.network_enabled ? [] : ['WebFetch', 'WebSearch'])],
    hooks: {
      PreToolUse: [
        {
          onFailure: 'block',
          hooks: [
            async (use) => {
              const answer =
                use.hook_event_name !== 'PreToolUse' || stop.soft.aborted
                  ? ({ allow: false, why: 'the attempt is ending' } as const)
                  : gate(use.tool_name, use.tool_input)
              const decision = answer.allow
                ? { permissionDecision: 'allow' as const }
                : { permissionDecision: 'deny' as const, permissionDecisionReason: answer.why }
              return { hookSpecificOutput: { hookEventName: 'PreToolUse', ...decision } }
            },
          ],
        },
      ],
    },
    permissionMode: 'default',
    permissionPrompts: 'none',
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

/** One message, and an input that stays open until `done`: the agent ends when its input does. */
const inputOf = async function* (text: string, done: Promise<void>): AsyncGenerator<SDKUserMessage> {
  yield { type: 'user', parent_tool_use_id: null, message: { role: 'user', content: text } }
  await done
}

interface Talk {
  readonly last: SDKResultMessage | undefined
  readonly thrown: string | undefined
  readonly agent: AgentProcess | undefined
}

/** Lets an agent that has to stop say what it used, then takes it away; once it has said its result, it may linger only so long. */
const endAgent = async (input: ClaudeInput, conversation: Query, answered: AbortSignal, ended: AbortSignal, close: () => void): Promise<void> => {
  const { stop } = input
  await Promise.race([aborted(stop.soft), aborted(answered)])
  if (!answered.aborted && !stop.isHard()) {
    void conversation.interrupt().catch(() => undefined)
    await pause(interrupt_wait_ms, AbortSignal.any([answered, stop.hard]))
  }
  close()
  await pause(stop.isHard() ? 0 : input.stop_grace_ms, AbortSignal.any([ended, stop.hard]))
}

const talk = async (input: ClaudeInput, resumes: boolean): Promise<Talk> => {
  const { query } = await import('@anthropic-ai/claude-agent-sdk')
  const { log, secrets, stop } = input
  let agent: AgentProcess | undefined
  let last: SDKResultMessage | undefined
  let thrown: string | undefined
  const answered = new AbortController()
  const ended = new AbortController()
  const closed = new AbortController()
  const message = `${input.assignment.message}${attachmentsNote(input.attachment_paths)}`
  const conversation = query({
    prompt: inputOf(message, aborted(closed.signal)),
    options: optionsOf(input, resumes, (started) => {
      agent = started
    }),
  })
  const kill = (): void => agent?.process.kill('SIGKILL')
  stop.hard.addEventListener('abort', kill, { once: true })
  const ending = endAgent(input, conversation, answered.signal, ended.signal, () => closed.abort()).then(kill)
  try {
    for await (const said of conversation) {
      for (const line of logLines(said, secrets)) await log.write(line.stream, line.chunk_type, line.data)
      if (said.type !== 'result') continue
      last = said
      answered.abort()
    }
  } catch (error) {
    thrown = error instanceof Error ? error.message : 'the agent broke off'
  }
  answered.abort()
  ended.abort()
  await ending
  await agent?.process.exited
  return { last, thrown, agent }
}

const failed = (error: KindResult['error'], usage: ModelUsage, result: string | undefined): KindResult => ({
  outcome: 'error',
  ...(error === undefined ? {} : { error }),
  usage,
  ...(result === undefined ? {} : { result }),
})

const resultOf = (input: ClaudeInput, { last, thrown, agent }: Talk, usage: ModelUsage): KindResult => {
  const order = input.stop.order()
  if (order !== undefined) return stoppedResult(order, usage)
  if (input.meter.wasRefused()) return stoppedResult('budget', usage)
  const hide = (text: string): string => redactText(text, input.secrets)
  if (last === undefined) {
    const why = [thrown ?? 'the agent ended without a result', agent?.stderrTail() ?? ''].filter((part) => part !== '').join(': ')
    return failed(failure('agent_exited', hide(why), true), usage, undefined)
  }
  const error = failureOf(last)
  if (error !== undefined) return failed({ ...error, message: hide(error.message) }, usage, undefined)
  const text = last.subtype === 'success' ? hide(last.result).slice(0, result_length_max) : ''
  return { outcome: 'ok', exit_code: 0, usage, result: text }
}

export const runClaudeCode = async (input: ClaudeInput): Promise<ClaudeResult> => {
  const { assignment, sandbox, session, meter, log } = input
  if (sandbox.paths.agent_binary === undefined) {
    const error = failure('agent_missing', 'the Claude Agent SDK has no agent for this machine: install its optional dependency', false)
    return { outcome: 'error', error, usage: meter.usage(), used_now: undefined }
  }
  const resumes = await placeTranscript(input.host_home, sessionUuid(assignment.workspace_id, assignment.session_id), input.cwd)
  const said = await talk(input, resumes)
  const { attempt, total } = attemptUsage(said.last === undefined ? undefined : totalUsage(said.last), resumes ? session.used_before : undefined, meter.usage())
  const result = resultOf(input, said, attempt)
  if (result.result !== undefined) await log.write('agent', 'result', result.result)
  return { ...result, used_now: said.agent === undefined ? undefined : total }
}
