/**
 * Asks the model for one use of a tool per message (`tool_choice.disable_parallel_tool_use` of the Messages API, which Bedrock takes too).
 * The agent has no setting for it, and a question parks an attempt only where its use of a tool is alone in its message.
 */
import * as z from 'zod'

const Choosing = z.looseObject({
  tools: z.array(z.unknown()).min(1),
  /** Absent: the model chooses, as with `auto`. With `none` it uses no tool. */
  tool_choice: z.looseObject({ type: z.enum(['auto', 'any', 'tool']) }).default({ type: 'auto' }),
})

const parsed = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

/** A request for a message as one that asks for no two uses at once. What offers the model no tool stays as it is. */
export const askingForOneTool = (body: Buffer): Buffer => {
  const choosing = Choosing.safeParse(parsed(body))
  if (!choosing.success) return body
  const { tool_choice } = choosing.data
  return Buffer.from(JSON.stringify({ ...choosing.data, tool_choice: { ...tool_choice, disable_parallel_tool_use: true } }))
}
