/**
 * What the scripted model plays for a prompt without a script: a demonstration that tools, files and memory work. It writes a line
 * about the message to `journal.md` with the Bash tool, reads the file back, and answers with what it remembers.
 */
import { toolResults, userText, type ModelMessage, type ModelRequest } from './request.ts'
import type { Turn } from './script.ts'

const label = '(scripted model, no API key set)'
const quote_length_max = 120

const shorten = (text: string): string => {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > quote_length_max ? `${line.slice(0, quote_length_max)}…` : line
}

/** A text as one word of a shell. */
const shellWord = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`

/** What the agent's program says in the user's place is no message of the user. */
const isMessage = (message: ModelMessage): boolean => {
  const text = userText(message)
  return text !== '' && !text.startsWith('[Request interrupted')
}

const answer = (said: readonly string[], journal: string): Turn => {
  const earlier = said.slice(0, -1).map((text) => `"${shorten(text)}"`)
  const memory = earlier.length === 0 ? 'you said nothing before it' : `earlier you said: ${earlier.join(', ')}`
  return { text: `${label} This is message ${said.length} of this conversation; ${memory}; ${journal}` }
}

/** The demonstration's next turn. */
export const demoTurn = (request: ModelRequest): Turn => {
  const { messages } = request
  const said = messages.filter(isMessage).map(userText)
  const since = messages.slice(messages.findLastIndex(isMessage) + 1)
  const results = since.flatMap(toolResults)
  const last = results.at(-1)
  if (!request.tools.some((tool) => tool.name === 'Bash')) return answer(said, 'this agent has no Bash tool, so there is no journal.md.')
  if (last?.is_error === true) return answer(said, `journal.md could not be used: ${shorten(last.text)}`)
  if (results.length === 0) {
    const line = `message ${said.length}: ${shorten(said.at(-1) ?? '')}`
    const command = `printf '%s\\n' ${shellWord(line)} >> journal.md`
    return { text: `${label} First I write down what you said.`, tool: 'Bash', input: { command, description: 'Write the message to journal.md' } }
  }
  if (results.length === 1) return { tool: 'Bash', input: { command: 'cat journal.md', description: 'Read journal.md' } }
  return answer(said, `journal.md now holds:\n${last?.text ?? ''}`)
}
