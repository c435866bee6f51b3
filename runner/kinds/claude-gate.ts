/**
 * The one gate that every use of a tool passes, as a hook of the agent: what the policy lets through, what it denies, and what it asks a human.
 *
 *   asked ── answer within the grace ──────────────────────────────────→ allow or deny
 *        └── none: `defer`: the agent ends, the attempt parks; the next attempt presents the same use again, with the answer
 *
 * The agent keeps one deferred use, and nothing else of the message that it was in: another use of that message, or a message that
 * waits to be said, would be lost or run twice. Where there is one, and in a subagent, the attempt stays until the answer comes.
 *
 * An agent that goes on from a deferred use may present it before it knows of the hook. So it is told from its start to ask for
 * permission too before it uses that tool, and the same gate answers: whichever way the use comes, it is decided once.
 */
import type { CanUseTool, HookCallback, SDKMessage } from '@anthropic-ai/claude-agent-sdk'
import * as z from 'zod'
import type { Answer, Question } from '../../shared/contract/runner-protocol.ts'
import { redactDeep, redactText } from '../../shared/domain/redact.ts'
import { createToolGate, type GateAnswer } from '../tool-gate.ts'
import { boundedJson } from './claude-log.ts'
import type { ClaudeInput } from './claude-options.ts'

export interface ClaudeGate {
  readonly hook: HookCallback
  /** For the tool that was deferred. */
  readonly canUseTool: CanUseTool
  /** Follows what the agent says, to know which uses of tools are in one message. */
  see(message: SDKMessage): void
  /** A use was deferred: the agent is about to end. */
  isParking(): boolean
}

const ask_within_ms = 60_000
const look_again_ms = 1_000
const id_length_max = 200

interface ToolUse {
  readonly tool_use_id: string
  readonly tool: string
  readonly input: unknown
  readonly is_subagent: boolean
}
type Verdict = GateAnswer | { readonly allow: 'later' }

/** The uses of tools of one message of the model. */
interface ToolMessage {
  readonly uses: string[]
  whole: boolean
}

const Started = z.looseObject({ content_block: z.looseObject({ type: z.string(), id: z.string().optional() }).optional() })

/** Which uses are in one message, by the events of the model's stream. */
const followMessages = () => {
  const messages = new Map<string, ToolMessage>()
  let current: ToolMessage = { uses: [], whole: false }
  return {
    see: (message: SDKMessage): void => {
      if (message.type !== 'stream_event' || message.parent_tool_use_id !== null) return
      const { type } = message.event
      if (type === 'message_start') current = { uses: [], whole: false }
      if (type === 'message_stop') current.whole = true
      const id = type === 'content_block_start' ? Started.parse(message.event).content_block : undefined
      if (id?.type !== 'tool_use' || id.id === undefined) return
      current.uses.push(id.id)
      messages.set(id.id, current)
    },
    isAlone: (tool_use_id: string): boolean => {
      const message = messages.get(tool_use_id)
      return message !== undefined && message.whole && message.uses.length === 1
    },
  }
}

const verdictOf = (answer: Answer): GateAnswer =>
  answer.action === 'approve'
    ? { allow: true }
    : { allow: false, why: answer.reason === undefined ? 'it was not approved' : `it was not approved: ${answer.reason}` }

const questionOf = (use: ToolUse, why: string, secrets: readonly string[]): Question => {
  const input = redactDeep(use.input, secrets)
  const shown = typeof input === 'object' && input !== null && !Array.isArray(input) ? { ...input } : { input }
  return {
    tool_use_id: use.tool_use_id.slice(0, id_length_max),
    tool: use.tool.slice(0, id_length_max),
    input: redactText(boundedJson(shown), secrets),
    reason: why.slice(0, 500),
  }
}

interface Asker {
  ask(use: ToolUse, why: string, signal: AbortSignal): Promise<Verdict>
  isParking(): boolean
}

/** Asks a human, and waits for the answer for as long as the attempt cannot park. */
const createAsker = ({ assignment, plane, stop, news, secrets }: ClaudeInput, isLone: (use: ToolUse) => boolean): Asker => {
  const open = new Set<string>()
  let parking = false
  const waitFor = async (use: ToolUse, signal: AbortSignal): Promise<Verdict> => {
    const grace_ends_ms = performance.now() + assignment.question_grace_ms
    for (;;) {
      const answer = news.answerTo(use.tool_use_id)
      if (answer !== undefined) return verdictOf(answer)
      if (signal.aborted) return { allow: false, why: 'the turn was stopped while a human was asked' }
      const left_ms = grace_ends_ms - performance.now()
      if (left_ms <= 0 && !parking && open.size === 1 && isLone(use)) {
        parking = true
        return { allow: 'later' }
      }
      await news.next(AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(left_ms > 0 ? left_ms : look_again_ms))]))
    }
  }
  const ask = async (use: ToolUse, why: string, signal: AbortSignal): Promise<Verdict> => {
    if (news.answerTo(use.tool_use_id) !== undefined) return waitFor(use, signal)
    const asked = await plane.question(questionOf(use, why, secrets), { within_ms: ask_within_ms, signal })
    if (!asked.ok && asked.why === 'superseded') stop.request('superseded')
    if (!asked.ok) return { allow: false, why: 'nobody could be asked' }
    return asked.value.answer === undefined ? waitFor(use, signal) : verdictOf(asked.value.answer)
  }
  return {
    ask: (use, why, signal) => {
      open.add(use.tool_use_id)
      return ask(use, why, signal).finally(() => open.delete(use.tool_use_id))
    },
    isParking: () => parking,
  }
}

/** @param saidWaits whether something was said into the turn that the agent has not taken up yet */
export const createClaudeGate = (input: ClaudeInput, saidWaits: () => boolean): ClaudeGate => {
  const { assignment, stop } = input
  const { security, ask } = assignment.policy
  const gate = createToolGate(security, assignment.agent_config.allowed_tools, input.cwd)
  const messages = followMessages()
  const asker = createAsker(input, (use) => !use.is_subagent && messages.isAlone(use.tool_use_id) && !saidWaits())

  const decide = async (use: ToolUse, signal: AbortSignal): Promise<Verdict> => {
    if (asker.isParking()) return { allow: false, why: 'the run pauses until a human has answered' }
    if (stop.soft.aborted) return { allow: false, why: 'the attempt is ending' }
    const listed = gate(use.tool, use.input)
    if (security === 'deny' || ask === 'off' || (ask === 'on-miss' && listed.allow)) return listed
    return asker.ask(use, listed.allow ? 'the policy of this run asks before every use of a tool' : listed.why, signal)
  }

  /** Of uses that were decided: one may come a second time, as a request for permission. */
  const decided = new Map<string, Promise<Verdict>>()
  const decideOnce = (use: ToolUse, signal: AbortSignal): Promise<Verdict> => {
    const known = decided.get(use.tool_use_id) ?? decide(use, AbortSignal.any([signal, stop.soft]))
    decided.set(use.tool_use_id, known)
    return known
  }

  const hook: HookCallback = async (use, _id, { signal }) => {
    if (use.hook_event_name !== 'PreToolUse') return {}
    const { tool_use_id, tool_name: tool, tool_input } = use
    const verdict = await decideOnce({ tool_use_id, tool, input: tool_input, is_subagent: use.agent_id !== undefined }, signal)
    const decision =
      verdict.allow === false
        ? { permissionDecision: 'deny' as const, permissionDecisionReason: verdict.why }
        : { permissionDecision: verdict.allow === true ? ('allow' as const) : ('defer' as const) }
    return { hookSpecificOutput: { hookEventName: 'PreToolUse', ...decision } }
  }
  const canUseTool: CanUseTool = async (tool, tool_input, { signal, toolUseID, agentID }) => {
    const verdict = await decideOnce({ tool_use_id: toolUseID, tool, input: tool_input, is_subagent: agentID !== undefined }, signal)
    if (verdict.allow === true) return { behavior: 'allow', updatedInput: tool_input }
    return { behavior: 'deny', message: verdict.allow === false ? verdict.why : 'the run pauses until a human has answered' }
  }
  return { hook, canUseTool, see: messages.see, isParking: asker.isParking }
}
