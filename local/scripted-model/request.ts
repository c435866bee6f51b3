/** What the scripted model reads of a request to the Messages API. Everything else in it is ignored. */
import * as z from 'zod'

const Block = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  is_error: z.boolean().nullish(),
  content: z.unknown().optional(),
})
const Content = z.union([z.string(), z.array(Block)])
const Message = z.looseObject({ role: z.string(), content: Content })

export const ModelRequest = z.looseObject({
  model: z.string().default('scripted'),
  stream: z.boolean().optional(),
  system: z.unknown().optional(),
  messages: z.array(Message).default([]),
  tools: z.array(z.looseObject({ name: z.string().optional() })).default([]),
})
export type ModelRequest = z.infer<typeof ModelRequest>
export type ModelMessage = ModelRequest['messages'][number]

const reminders = /<system-reminder>[\s\S]*?<\/system-reminder>/g

/** What the user wrote in a message: its text without what the agent's program adds to it. Empty for a tool's result. */
export const userText = ({ role, content }: ModelMessage): string => {
  if (role !== 'user') return ''
  const text = typeof content === 'string' ? content : content.flatMap((block) => (block.type === 'text' ? [block.text ?? ''] : [])).join('\n')
  return text.replace(reminders, '').trim()
}

const ToolText = z.union([z.string(), z.array(z.looseObject({ text: z.string().optional() }))])

/** What tools answered in a message, as text. */
export const toolResults = ({ content }: ModelMessage): readonly { readonly text: string; readonly is_error: boolean }[] => {
  if (typeof content === 'string') return []
  return content
    .filter((block) => block.type === 'tool_result')
    .map((block) => {
      const parsed = ToolText.safeParse(block.content ?? '')
      const parts = !parsed.success ? '' : typeof parsed.data === 'string' ? parsed.data : parsed.data.map((part) => part.text ?? '').join('\n')
      return { text: parts.replace(reminders, '').trim(), is_error: block.is_error === true }
    })
}
