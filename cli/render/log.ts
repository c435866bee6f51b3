/** One log entry as lines of a terminal: what the agent said, did, and got back. */
import * as z from 'zod'
import type { LogEntry } from '../../shared/domain/event.ts'
import { oneLine } from './format.ts'
import { clean, type Style } from './style.ts'

/** What a `tool_call` entry holds, as far as it is shown. */
const ToolCall = z.looseObject({ tool: z.string(), input: z.record(z.string(), z.unknown()).default({}) })
/** What a `tool_result` entry holds, as far as it is shown. Content is text, or blocks of which some are text. */
const ToolResult = z.looseObject({
  is_error: z.boolean().default(false),
  content: z
    .union([z.string(), z.array(z.looseObject({ text: z.string().default('') })).transform((blocks) => blocks.map((block) => block.text).join('\n'))])
    .default(''),
})

/** The one input of a tool that tells most about a call, in order of preference. */
const telling_inputs = ['command', 'file_path', 'path', 'notebook_path', 'pattern', 'url', 'query', 'prompt', 'description'] as const

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A call in one line: `Bash ls -l`, `Write notes.txt`, `Other {"a":1}`. */
export const toolCallLine = (data: string, max: number): string => {
  const call = ToolCall.safeParse(parseJson(data))
  if (!call.success) return oneLine(clean(data), max)
  const { tool, input } = call.data
  const telling = telling_inputs.map((key) => input[key]).find((value) => typeof value === 'string' && value.trim() !== '')
  const rest = typeof telling === 'string' ? telling : Object.keys(input).length === 0 ? '' : JSON.stringify(input)
  return oneLine(clean(`${tool} ${rest}`), max)
}

const toolResultLine = (style: Style, data: string, max: number): string => {
  const result = ToolResult.safeParse(parseJson(data))
  const text = result.success ? result.data.content : data
  const line = oneLine(clean(text), max)
  return result.success && result.data.is_error ? style.red(`  ✗ ${line === '' ? 'failed' : line}`) : style.dim(`  ↳ ${line === '' ? 'ok' : line}`)
}

const ended = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`)

/** Shown width of one-line entries where the output has no width of its own. */
const line_max = 120

/** The entry as it is shown, ending in a newline; '' for one that is not shown. @param columns width of the terminal, if it is one */
export const renderLog = (style: Style, entry: Pick<LogEntry, 'chunk_type' | 'stream' | 'data'>, columns?: number): string => {
  const max = Math.max(20, (columns ?? line_max) - 6)
  switch (entry.chunk_type) {
    case 'prompt':
      return `${style.bold('›')} ${style.bold(ended(clean(entry.data)).trimEnd().replace(/\n/g, '\n  '))}\n`
    case 'text':
      return ended(clean(entry.data))
    case 'thinking':
      return `${style.dim(`∴ ${oneLine(clean(entry.data), max)}`)}\n`
    case 'tool_call':
      return `${style.cyan('→')} ${toolCallLine(entry.data, max)}\n`
    case 'tool_result':
      return `${toolResultLine(style, entry.data, max)}\n`
    case 'output':
      return entry.stream === 'stderr' ? `${style.yellow(clean(entry.data).replace(/\n$/, ''))}\n` : ended(clean(entry.data))
    case 'notice':
      return `${style.yellow(`! ${clean(entry.data).trimEnd()}`)}\n`
    case 'result':
      return ''
  }
}
