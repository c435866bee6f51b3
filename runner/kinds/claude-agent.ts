/**
 * One process of the SDK's agent, over as many turns as there are. What it is told is named by a uuid, and each of its results names the
 * uuids that it took up: so a turn has ended when a result has come for all that was said in it. What is said after the model's last
 * word gets a result of its own. (`queued_turn_count` of a result does not count what was said with priority `next`.)
 */
import type { Query, SDKResultMessage, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { redactText } from '../../shared/domain/redact.ts'
import { placeTranscript, transcriptPath } from '../files/session.ts'
import { aborted, pause, type Stop } from '../stop.ts'
import { createClaudeGate, type ClaudeGate } from './claude-gate.ts'
import { logLines } from './claude-log.ts'
import { failureOf } from './claude-outcome.ts'
import { optionsOf, sessionUuid, type ClaudeInput } from './claude-options.ts'
import type { AgentProcess } from './claude-process.ts'

/** How a turn of the agent ended. */
export type AgentTurn =
  | { readonly how: 'result'; readonly result: SDKResultMessage }
  /** The agent ended before it said a result. */
  | { readonly how: 'exited'; readonly why: string }

export interface ClaudeAgent {
  /** It goes on from a transcript. */
  readonly resumes: boolean
  /** It goes on by itself from a use of a tool that was deferred. */
  readonly has_deferred: boolean
  /** The newest result, if there is one. */
  last(): SDKResultMessage | undefined
  /** @param texts one message, in parts; undefined to go on from a tool that was deferred */
  turn(texts: readonly string[] | undefined): Promise<AgentTurn>
  steer(text: string): boolean
  /** Stops the turn. Repeats itself until it has: an agent that has not begun the turn yet does not hear it. */
  interrupt(): Promise<void>
  /** Resolves when all that the agent said is in its transcript. */
  settled(): Promise<void>
  hasEnded(): boolean
  /** Lets it end by itself, for the grace; then kills it. @returns whether it ended by itself */
  end(): Promise<boolean>
}

const interrupt_again_ms = 500
const interrupt_tries_max = 20
/** How long an agent that has to stop may take to say what it used. */
const stop_wait_ms = 2_000
const settle_look_ms = 25
const settle_looks_max = 80

interface OpenTurn {
  /** Said, and not taken up by a result yet. */
  readonly said: Set<string>
  end(turn: AgentTurn): void
}

/** What is said to the agent, as the SDK reads it: it stays open until it is closed, for the agent ends when its input does. */
const createInput = () => {
  const waiting: SDKUserMessage[] = []
  const closed = new AbortController()
  let wake = (): void => undefined
  const read = async function* (): AsyncGenerator<SDKUserMessage> {
    for (;;) {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) yield next
      if (closed.signal.aborted) return
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return {
    read,
    push: (message: SDKUserMessage): void => {
      waiting.push(message)
      wake()
    },
    close: (): void => {
      closed.abort()
      wake()
    },
  }
}

/** For a use that was deferred: its result names no message, for none was said. */
const deferred_use = 'deferred'

/** Ends the open turn where a result has come for all that was said in it. */
const takeResult = (open: OpenTurn, result: SDKResultMessage): void => {
  const taken = result.user_message_uuids ?? (result.user_message_uuid === undefined ? [] : [result.user_message_uuid])
  for (const uuid of taken) open.said.delete(uuid)
  if (taken.length === 0) open.said.delete(deferred_use)
  const is_interrupted = result.terminal_reason?.startsWith('aborted') === true
  const parks = result.subtype === 'success' && result.deferred_tool_use !== undefined
  if (open.said.size === 0 || parks || (failureOf(result) !== undefined && !is_interrupted)) open.end({ how: 'result', result })
}

interface State {
  process: AgentProcess | undefined
  last: SDKResultMessage | undefined
  /** The newest message of the agent's own, which its transcript will know by the same name. */
  last_uuid: string | undefined
  thrown: string | undefined
  open: OpenTurn | undefined
  ended: boolean
}

/** Reads what the agent says until it ends. */
const listen = async (input: ClaudeInput, conversation: Query, state: State, gate: ClaudeGate): Promise<void> => {
  try {
    for await (const said of conversation) {
      gate.see(said)
      for (const line of logLines(said, input.secrets)) await input.log.write(line.stream, line.chunk_type, line.data)
      if ((said.type === 'assistant' || said.type === 'user') && said.parent_tool_use_id === null) state.last_uuid = said.uuid ?? state.last_uuid
      if (said.type !== 'result') continue
      state.last = said
      if (state.open !== undefined) takeResult(state.open, said)
    }
  } catch (error) {
    state.thrown = error instanceof Error ? error.message : 'the agent broke off'
  }
  const tail = state.process?.stderrTail() ?? ''
  const why = redactText([state.thrown ?? 'the agent ended without a result', tail].filter((part) => part !== '').join(': '), input.secrets)
  state.open?.end({ how: 'exited', why })
  await state.process?.process.exited
  state.ended = true
}

const messageOf = (uuid: `${string}-${string}-${string}-${string}-${string}`, texts: readonly string[], priority?: 'next'): SDKUserMessage => ({
  type: 'user',
  parent_tool_use_id: null,
  uuid,
  message: { role: 'user', content: texts.length === 1 ? (texts[0] ?? '') : texts.map((text) => ({ type: 'text' as const, text })) },
  ...(priority === undefined ? {} : { priority }),
})

/** Stops a turn that goes on when the attempt has to end, and waits a little for what it used. */
const hurryOnStop = async ({ stop }: ClaudeInput, conversation: Query, ended: Promise<AgentTurn>, open: OpenTurn): Promise<void> => {
  const turn = await Promise.race([ended, aborted(stop.soft)])
  if (turn !== undefined) return
  if (!stop.isHard()) {
    void conversation.interrupt().catch(() => undefined)
    await Promise.race([ended, pause(stop_wait_ms, stop.hard)])
  }
  open.end({ how: 'exited', why: 'the agent was told to stop' })
}

const interruptTurn = async (conversation: Query, state: State, listening: Promise<void>, over: AbortSignal, kill: () => void): Promise<void> => {
  const { open } = state
  for (let tries = 0; state.open === open && open !== undefined; tries++) {
    if (tries === interrupt_tries_max) kill()
    const heard = conversation.interrupt().catch(() => undefined)
    await Promise.race([Promise.all([heard, pause(interrupt_again_ms, over)]), listening])
  }
}

const Deferred = z.looseObject({ attachment: z.looseObject({ type: z.literal('hook_deferred_tool'), toolUseID: z.string(), toolName: z.string() }) })

/** The tool whose use was deferred last, by the transcript; undefined if there is none, or that use has its result. */
const deferredTool = async (path: string): Promise<string | undefined> => {
  const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n')
  const at = lines.findLastIndex((line) => line.includes('"hook_deferred_tool"'))
  const parsed = Deferred.safeParse(JSON.parse(lines[at] ?? '{}'))
  if (!parsed.success) return undefined
  const { toolUseID, toolName } = parsed.data.attachment
  return lines.slice(at).some((line) => line.includes(`"tool_use_id":"${toolUseID}"`)) ? undefined : toolName
}

/** Resolves when the transcript holds the agent's newest message. */
const inTranscript = async (path: string, state: State, stop: Stop): Promise<void> => {
  for (let looks = 0; looks < settle_looks_max && state.last_uuid !== undefined; looks++) {
    const text = await readFile(path, 'utf8').catch(() => '')
    if (text.includes(`"uuid":"${state.last_uuid}"`)) return
    await pause(settle_look_ms, stop.hard)
  }
}

/** Kills what does not end by itself within the grace. @returns whether it did */
const endsByItself = async (listening: Promise<void>, grace_ms: number, kill: () => void): Promise<boolean> => {
  let by_itself = true
  const timer = setTimeout(() => {
    by_itself = false
    kill()
  }, grace_ms)
  await listening
  clearTimeout(timer)
  return by_itself
}

export const startClaudeAgent = async (input: ClaudeInput): Promise<ClaudeAgent> => {
  const { query } = await import('@anthropic-ai/claude-agent-sdk')
  const { stop, assignment } = input
  const uuid = sessionUuid(assignment)
  const resumes = await placeTranscript(input.host_home, uuid, input.cwd)
  const transcript = transcriptPath(input.host_home, uuid, input.cwd)
  const deferred_tool = resumes ? await deferredTool(transcript) : undefined
  const state: State = { process: undefined, last: undefined, last_uuid: undefined, thrown: undefined, open: undefined, ended: false }
  const said = createInput()
  const gate = createClaudeGate(input, () => (state.open?.said.size ?? 0) > 1)
  const onStart = (process: AgentProcess): void => void (state.process = process)
  const conversation = query({ prompt: said.read(), options: optionsOf(input, { ...gate, resumes, deferred_tool, onStart }) })
  const kill = (): void => state.process?.process.kill('SIGKILL')
  stop.hard.addEventListener('abort', kill, { once: true })
  const listening = listen(input, conversation, state, gate)
  let over = new AbortController()

  return {
    resumes,
    has_deferred: deferred_tool !== undefined,
    last: () => state.last,
    turn: async (texts) => {
      over = new AbortController()
      const { promise, resolve } = Promise.withResolvers<AgentTurn>()
      const name = randomUUID()
      const open: OpenTurn = { said: new Set([texts === undefined ? deferred_use : name]), end: resolve }
      state.open = open
      if (texts !== undefined) said.push(messageOf(name, texts))
      const hurried = hurryOnStop(input, conversation, promise, open)
      const turn = await Promise.race([promise, listening.then((): AgentTurn => ({ how: 'exited', why: 'the agent has ended' }))])
      open.end(turn)
      state.open = undefined
      over.abort()
      await hurried
      return turn
    },
    steer: (text) => {
      if (state.open === undefined || state.ended || gate.isParking()) return false
      const name = randomUUID()
      state.open.said.add(name)
      said.push(messageOf(name, [text], 'next'))
      return true
    },
    interrupt: () => interruptTurn(conversation, state, listening, over.signal, kill),
    settled: () => inTranscript(transcript, state, stop),
    hasEnded: () => state.ended,
    end: async () => {
      said.close()
      const by_itself = await endsByItself(listening, stop.isHard() ? 0 : input.stop_grace_ms, kill)
      stop.hard.removeEventListener('abort', kill)
      return by_itself
    },
  }
}
