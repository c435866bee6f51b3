/**
 * A script is what a prompt says the model shall do: each line `STUB: {json}` of it is one turn. The newest user message with a
 * script counts; its turns are played in order, then the model echoes.
 */
import * as z from 'zod'
import { toolResults, userText, type ModelRequest } from './request.ts'

const ToolUse = z.strictObject({ tool: z.string(), input: z.record(z.string(), z.unknown()).default({}) })

/**
 * One turn of the model. `{"text"}` says it and ends; `{"tool","input"}` or `{"tools"}` calls tools; `{"error":529}` fails with that
 * status. `repeat` says the text that many times, `delayMs` apart: a slow stream. `usage` sets the tokens it reports.
 */
export const Turn = z.strictObject({
  text: z.string().optional(),
  thinking: z.string().optional(),
  tool: z.string().optional(),
  input: z.record(z.string(), z.unknown()).optional(),
  tools: z.array(ToolUse).optional(),
  repeat: z.int().min(1).max(10_000).optional(),
  delayMs: z.int().min(0).max(60_000).optional(),
  error: z.int().min(400).max(599).optional(),
  retryAfter: z.int().min(0).optional(),
  stop: z.string().optional(),
  usage: z.strictObject({ input_tokens: z.int().min(0).optional(), output_tokens: z.int().min(0).optional() }).optional(),
})
export type Turn = z.infer<typeof Turn>

const script_line = /^[ \t]*STUB: (\{.*\})[ \t]*$/gm

const parseTurn = (line: string): Turn => {
  try {
    return Turn.parse(JSON.parse(line))
  } catch (error) {
    return { text: `(scripted model) this line of the script is not valid: ${line.slice(0, 200)}: ${error instanceof Error ? error.message : 'unknown'}` }
  }
}

const echo = (request: ModelRequest): Turn => {
  const last = request.messages.findLast((message) => message.role === 'user')
  const text = last === undefined ? '' : userText(last)
  const is_result = last !== undefined && toolResults(last).length > 0
  return { text: is_result && text === '' ? 'DONE' : `ECHO(${text.slice(-200)})` }
}

/** The next turn of the newest script, an echo once that is over, and undefined where no user message holds a script. */
export const scriptedTurn = (request: ModelRequest): Turn | undefined => {
  const scripts = request.messages.map((message) => [...userText(message).matchAll(script_line)].flatMap((match) => match[1] ?? []))
  const newest = scripts.findLastIndex((lines) => lines.length > 0)
  if (newest === -1) return undefined
  const played = request.messages.slice(newest + 1).filter((message) => message.role === 'assistant').length
  const line = scripts[newest]?.[played]
  return line === undefined ? echo(request) : parseTurn(line)
}

/** The tools that a turn calls, in order. */
export const toolUses = (turn: Turn): readonly z.infer<typeof ToolUse>[] =>
  turn.tools ?? (turn.tool === undefined ? [] : [{ tool: turn.tool, input: turn.input ?? {} }])
