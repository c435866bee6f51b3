/** What the agent says and does, as entries of the log. */
import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk'
import * as z from 'zod'
import { redactDeep } from '../../shared/domain/redact.ts'
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

/** A result may be a picture or megabytes of text: the log keeps its beginning. */
const tool_result_length_max = 32_000

/** A tool's answer as text; what is no text is named by its type. */
const resultText = (content: unknown): string => {
  const parsed = Content.safeParse(content ?? '')
  if (!parsed.success) return JSON.stringify(content) ?? ''
  return typeof parsed.data === 'string' ? parsed.data : parsed.data.map((block) => block.text ?? `(${block.type})`).join('\n')
}

const shorten = (text: string): string =>
  text.length <= tool_result_length_max ? text : `${text.slice(0, tool_result_length_max)}… (${text.length - tool_result_length_max} more characters)`

const blockLine = (block: z.infer<typeof Block>, secrets: readonly string[]): LogLine | undefined => {
  switch (block.type) {
    case 'text':
      return { stream: 'agent', chunk_type: 'text', data: block.text ?? '' }
    case 'thinking':
      return { stream: 'agent', chunk_type: 'thinking', data: block.thinking ?? '' }
    case 'tool_use': {
      const call = { id: block.id, tool: block.name, input: redactDeep(block.input, secrets) }
      return { stream: 'agent', chunk_type: 'tool_call', data: JSON.stringify(call) }
    }
    case 'tool_result': {
      const result = { id: block.tool_use_id, is_error: block.is_error === true, content: shorten(resultText(block.content)) }
      return { stream: 'agent', chunk_type: 'tool_result', data: JSON.stringify(redactDeep(result, secrets)) }
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
