/** The first message of a conversation, where the command line has none. */
import type { Context } from '../context.ts'
import { noteLines } from '../render/conversation.ts'
import type { Opened } from './converse.ts'
import { readTyped } from './typed.ts'

/** The first line that is a message; undefined if it is left before. */
export const firstMessage = async ({ style }: Context, { lines, mail }: Opened): Promise<string | undefined> => {
  const interrupted = mail.arrival().then(() => undefined)
  if (lines.is_typed) lines.write(`${style.dim('What is the agent to do? /help says what can be typed')}\n`)
  for (;;) {
    lines.prompt(style.bold('› '))
    const line = await Promise.race([lines.next(), interrupted])
    if (line === undefined) return undefined
    if (!lines.is_typed && line.trim() !== '') return line
    const meant = lines.is_typed ? readTyped(line, false) : ({ kind: 'nothing' } as const)
    if (meant.kind === 'message') return meant.message
    if (meant.kind === 'detach' || meant.kind === 'cancel') return undefined
    if (meant.kind !== 'nothing') lines.write(noteLines(style, meant.kind === 'unknown' ? meant : { kind: 'help' }))
  }
}
