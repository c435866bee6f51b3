/** A turn in the words of the Messages API: as one message, or as the events of a stream. */
import { toolUses, type Turn } from './script.ts'
import type { ModelRequest } from './request.ts'

type TextBlock = { readonly type: 'text'; readonly text: string }
type ThinkingBlock = { readonly type: 'thinking'; readonly thinking: string; readonly signature: string }
type ToolBlock = { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: Record<string, unknown> }
type Block = TextBlock | ThinkingBlock | ToolBlock

export type StreamEvent = Readonly<Record<string, unknown>> & { readonly type: string }

/** About four characters to a token, as everybody guesses. */
export const estimateTokens = (value: unknown): number => Math.ceil(JSON.stringify(value ?? '').length / 4)

const blocksOf = (turn: Turn, id: (prefix: string) => string): readonly Block[] => [
  ...(turn.thinking === undefined ? [] : [{ type: 'thinking' as const, thinking: turn.thinking, signature: 'scripted' }]),
  ...(turn.text === undefined || turn.text === '' ? [] : [{ type: 'text' as const, text: turn.text }]),
  ...toolUses(turn).map(({ tool, input }) => ({ type: 'tool_use' as const, id: id('toolu'), name: tool, input })),
]

/** The whole answer. @param id makes ids, unique under a prefix */
export const messageOf = (turn: Turn, request: ModelRequest, id: (prefix: string) => string) => {
  const content = blocksOf(turn, id)
  return {
    id: id('msg'),
    type: 'message',
    role: 'assistant',
    model: request.model,
    content,
    stop_reason: content.some((block) => block.type === 'tool_use') ? 'tool_use' : (turn.stop ?? 'end_turn'),
    stop_sequence: null,
    usage: {
      input_tokens: turn.usage?.input_tokens ?? estimateTokens(request.messages) + estimateTokens(request.system) + estimateTokens(request.tools),
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: turn.usage?.output_tokens ?? estimateTokens(content),
      service_tier: 'standard',
    },
  } as const
}

const deltasOf = function* (block: Block, repeat: number): Generator<Readonly<Record<string, unknown>>> {
  switch (block.type) {
    case 'text':
      for (let said = 0; said < repeat; said++) yield { type: 'text_delta', text: block.text }
      return
    case 'thinking':
      yield { type: 'thinking_delta', thinking: block.thinking }
      yield { type: 'signature_delta', signature: block.signature }
      return
    case 'tool_use': {
      const json = JSON.stringify(block.input)
      const half = Math.ceil(json.length / 2)
      yield { type: 'input_json_delta', partial_json: json.slice(0, half) }
      yield { type: 'input_json_delta', partial_json: json.slice(half) }
    }
  }
}

const emptied = (block: Block) =>
  block.type === 'text' ? { ...block, text: '' } : block.type === 'thinking' ? { ...block, thinking: '', signature: '' } : { ...block, input: {} }

/** The same answer as the events of a stream. */
export const eventsOf = function* (message: ReturnType<typeof messageOf>, turn: Turn): Generator<StreamEvent> {
  yield { type: 'message_start', message: { ...message, content: [], stop_reason: null, usage: { ...message.usage, output_tokens: 1 } } }
  yield { type: 'ping' }
  for (const [index, block] of message.content.entries()) {
    yield { type: 'content_block_start', index, content_block: emptied(block) }
    for (const delta of deltasOf(block, turn.repeat ?? 1)) yield { type: 'content_block_delta', index, delta }
    yield { type: 'content_block_stop', index }
  }
  yield { type: 'message_delta', delta: { stop_reason: message.stop_reason, stop_sequence: null }, usage: { output_tokens: message.usage.output_tokens } }
  yield { type: 'message_stop' }
}
