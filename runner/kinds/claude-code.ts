/**
 * Kind `claude_code`: the Claude Agent SDK drives the real agent, which runs in the sandbox from its first instruction. The runner keeps
 * what the agent must not have: the model's credential (behind the proxy), the plane's token, the gate of the tools. One process of it
 * serves all turns of an attempt, unless the attempt looked as if it would end.
 */
import type { SDKResultMessage } from '@anthropic-ai/claude-agent-sdk'
import { redactText } from '../../shared/domain/redact.ts'
import type { ModelUsage } from '../../shared/domain/usage.ts'
import { attachmentsNote } from '../files/attachments.ts'
import type { Conversation, TurnBegin, TurnEnded } from '../turns.ts'
import { startClaudeAgent, type AgentTurn, type ClaudeAgent } from './claude-agent.ts'
import type { ClaudeInput } from './claude-options.ts'
import { attemptUsage, failureOf, totalUsage } from './claude-outcome.ts'
import { failure, no_model_usage, stoppedResult, type KindResult } from './kind.ts'

const result_length_max = 32_768

interface Counts {
  /** What the attempt used. */
  readonly attempt: ModelUsage
  /** What the transcript's agent used over its whole life. */
  readonly total: ModelUsage
}

/** How a turn ended, without what it used. */
type Said = Pick<KindResult, 'outcome' | 'exit_code' | 'error' | 'result'> & { readonly parks?: true }

const saidIn = (input: ClaudeInput, turn: AgentTurn, interrupted: boolean): Said => {
  if (turn.how === 'exited') return interrupted ? { outcome: 'ok' } : { outcome: 'error', error: failure('agent_exited', turn.why, true) }
  const { result } = turn
  const hide = (text: string): string => redactText(text, input.secrets)
  if (result.terminal_reason?.startsWith('aborted') === true && interrupted) return { outcome: 'ok' }
  const error = failureOf(result)
  if (error !== undefined) return { outcome: 'error', error: { ...error, message: hide(error.message) } }
  if (result.subtype !== 'success') return { outcome: 'ok', exit_code: 0 }
  if (result.deferred_tool_use !== undefined) return { outcome: 'ok', parks: true }
  return { outcome: 'ok', exit_code: 0, result: hide(result.result).slice(0, result_length_max) }
}

/** What to say to the agent as one message, in parts; undefined to go on from a deferred use of a tool. */
const textsOf = (begin: TurnBegin, attachment_paths: readonly string[], has_deferred: boolean): readonly string[] | undefined => {
  // An attempt before this one may have gone on from the use already, and failed after it.
  if (begin.how === 'answer') return has_deferred ? undefined : ['Continue from where you left off.']
  return begin.is_command ? begin.messages.map((message) => `${message}${attachmentsNote(attachment_paths)}`) : begin.messages
}

const refused = (code: string, message: string, usage: ModelUsage): TurnEnded => ({ outcome: 'error', error: failure(code, message, false), usage })

/** Keeps the agent, from one that was ended to the next, and what they have used. */
const createAgents = (input: ClaudeInput) => {
  const { session, meter } = input
  let agent: ClaudeAgent | undefined
  let last: SDKResultMessage | undefined
  /** What the transcript had used when the first agent began; undefined while there is no agent, or it began a transcript. */
  let base: ModelUsage | undefined
  /** What the transcript says was used. The agent writes it there only when it ends. */
  let written: ModelUsage | undefined
  /** An agent was killed before it wrote what it used: from then on only the proxy knows. */
  let lost_count = false

  const counts = (): Counts => {
    last = agent?.last() ?? last
    return attemptUsage(last === undefined || lost_count ? undefined : totalUsage(last), base, meter.usage())
  }
  const end = async (): Promise<void> => {
    if (agent === undefined) return
    const by_itself = await agent.end()
    written = counts().total
    lost_count ||= !by_itself
    agent = undefined
  }
  return {
    live: () => agent,
    used: () => counts().attempt,
    usedInFiles: () => written,
    end,
    start: async (): Promise<ClaudeAgent> => {
      if (agent?.hasEnded() === true) await end()
      if (agent !== undefined) return agent
      const started = await startClaudeAgent(input)
      if (written === undefined) {
        base = started.resumes ? session.used_before : undefined
        written = base ?? no_model_usage
      }
      agent = started
      return started
    },
  }
}

export const converseWithClaude = (input: ClaudeInput): Conversation => {
  const { meter, log, stop } = input
  const agents = createAgents(input)
  /** Of the turn that goes on, which may not have reached an agent yet. */
  let turning: ClaudeAgent | undefined
  let is_interrupted = false
  const interrupts: Promise<void>[] = []
  const interrupt = (): void => {
    is_interrupted = true
    if (turning !== undefined) interrupts.push(turning.interrupt())
  }

  const wasInterrupted = (): boolean => is_interrupted
  const runTurn = async (begin: TurnBegin): Promise<TurnEnded> => {
    is_interrupted = false
    const agent = await agents.start()
    if (begin.how === 'answer' && !agent.resumes) return refused('transcript_missing', 'the session has no question to go on from', no_model_usage)
    const ended = agent.turn(textsOf(begin, input.attachment_paths, agent.has_deferred))
    turning = agent
    if (wasInterrupted()) interrupt()
    const turn = await ended
    turning = undefined
    await Promise.all(interrupts.splice(0))
    const said = saidIn(input, turn, wasInterrupted())
    const usage = agents.used()
    const order = stop.order() ?? (meter.wasRefused() ? 'budget' : undefined)
    const result = order === undefined ? { ...said, usage } : stoppedResult(order, usage)
    if (result.result !== undefined) await log.write('agent', 'result', result.result)
    return result
  }

  return {
    turn: async (begin) => {
      if (input.sandbox.paths.agent_binary !== undefined) return runTurn(begin)
      return refused('agent_missing', 'the Claude Agent SDK has no agent for this machine: install its optional dependency', meter.usage())
    },
    steer: (message) => agents.live()?.steer(message) === true,
    interrupt,
    lives: () => agents.live()?.hasEnded() === false,
    usedInFiles: agents.usedInFiles,
    settled: async () => agents.live()?.settled(),
    end: agents.end,
  }
}
