/** What the agent says and does, as entries of the log. */
import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk'
import * as z from 'zod'
import { redactDeep, redactText } from '../../shared/domain/redact.ts'
import type { LogChunkType, LogStream } from '../log.ts'

export interface LogLine {
  readonly stream: LogStream
  readonly chunk_type: LogChunkType
  readonly data: string
}

const Block = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  thinking: z.string().optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  input: z.unknown().optional(),
  tool_use_id: z.string().optional(),
  content: z.unknown().optional(),
  is_error: z.boolean().nullish(),
})
const Content = z.union([z.string(), z.array(Block)])

/** An entry that is JSON stays one entry, so that whoever reads the log can parse it. */
const json_length_max = 16_000
/** How long a text within it may be; the next is tried while the whole is too long. */
const text_length_steps = [12_000, 4_000, 1_000, 200, 20]

const shortenTexts = (value: unknown, length_max: number): unknown => {
  if (typeof value === 'string') return value.length <= length_max ? value : `${value.slice(0, length_max)}… (${value.length - length_max} more characters)`
  if (Array.isArray(value)) return value.map((item) => shortenTexts(item, length_max))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shortenTexts(item, length_max)]))
}

/** A value as JSON of bounded length: long texts in it are cut; what is still too long is left out. */
export const boundedJson = (value: Readonly<Record<string, unknown>>): string => {
  const whole = JSON.stringify(value)
  if (whole.length <= json_length_max) return whole
  for (const length_max of text_length_steps) {
    const shorter = JSON.stringify(shortenTexts(value, length_max))
    if (shorter.length <= json_length_max) return shorter
  }
  return JSON.stringify({ id: value['id'], tool: value['tool'], left_out: `${whole.length} characters` })
}

/** A tool's answer as text; what is no text is named by its type. */
const resultText = (content: unknown): string => {
  const parsed = Content.safeParse(content ?? '')
  if (!parsed.success) return JSON.stringify(content) ?? ''
  return typeof parsed.data === 'string' ? parsed.data : parsed.data.map((block) => block.text ?? `(${block.type})`).join('\n')
}

const blockLine = (block: z.infer<typeof Block>, secrets: readonly string[]): LogLine | undefined => {
  switch (block.type) {
    case 'text':
      return { stream: 'agent', chunk_type: 'text', data: block.text ?? '' }
    case 'thinking':
      return { stream: 'agent', chunk_type: 'thinking', data: block.thinking ?? '' }
    case 'tool_use': {
      const call = { id: block.id, tool: block.name, input: redactDeep(block.input, secrets) }
      return { stream: 'agent', chunk_type: 'tool_call', data: boundedJson(call) }
    }
    case 'tool_result': {
      const result = { id: block.tool_use_id, is_error: block.is_error === true, content: redactText(resultText(block.content), secrets) }
      return { stream: 'agent', chunk_type: 'tool_result', data: boundedJson(result) }
    }
    default:
      return undefined
  }
}

/** The entries of one message of the SDK; most kinds of message have none. */
export const logLines = (message: SDKMessage, secrets: readonly string[]): readonly LogLine[] => {
  if (message.type !== 'assistant' && message.type !== 'user') return []
  const parsed = Content.safeParse(message.message.content)
  // The user's own words are in the log already, as the prompt.
  if (!parsed.success || typeof parsed.data === 'string') return []
  const blocks = message.type === 'user' ? parsed.data.filter((block) => block.type === 'tool_result') : parsed.data
  return blocks.flatMap((block) => blockLine(block, secrets) ?? []).filter((line) => line.data !== '')
}
