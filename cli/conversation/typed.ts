/** What a line means that someone types into a conversation. */
import type { QueueMode } from '../../shared/domain/input.ts'

export type Typed =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'message'; readonly message: string; readonly queue_mode: QueueMode }
  | { readonly kind: 'answer'; readonly action: 'approve' | 'reject'; readonly reason?: string }
  /** A question is open, and this is no answer to it. */
  | { readonly kind: 'no_answer' }
  | { readonly kind: 'stop' | 'cancel' | 'detach' | 'help' }
  | { readonly kind: 'unknown'; readonly command: string }

/** Every command with what it does, in the order that help shows. */
export const typed_commands = [
  ['/steer <text>', 'say it into the turn that goes on'],
  ['/interrupt [text]', 'stop the turn, and go on with the text'],
  ['/approve', 'let the agent use the tool it asks about; y does the same'],
  ['/reject [why]', 'do not let it; n does the same'],
  ['/cancel', 'end the task'],
  ['/detach', 'leave; the task goes on'],
  ['/help', 'show this'],
] as const

const withReason = (reason: string): { readonly reason?: string } => (reason === '' ? {} : { reason })

const commandOf = (command: string, rest: string): Typed => {
  switch (command) {
    case 'steer':
      return rest === '' ? { kind: 'unknown', command: '/steer without a text' } : { kind: 'message', message: rest, queue_mode: 'steer' }
    case 'interrupt':
      return rest === '' ? { kind: 'stop' } : { kind: 'message', message: rest, queue_mode: 'interrupt' }
    case 'approve':
      return { kind: 'answer', action: 'approve' }
    case 'reject':
      return { kind: 'answer', action: 'reject', ...withReason(rest) }
    case 'cancel':
    case 'detach':
    case 'help':
      return { kind: command }
    default:
      return { kind: 'unknown', command: `/${command}` }
  }
}

/** `y`, `n`, and `n` with a reason. Anything else is no answer: a line that was begun before the question came must not decide it. */
const answerOf = (line: string): Typed => {
  if (/^(y|yes)$/i.test(line)) return { kind: 'answer', action: 'approve' }
  const rejection = /^(?:n|no)(?:[\s,.:;!]+(.*))?$/is.exec(line)
  return rejection === null ? { kind: 'no_answer' } : { kind: 'answer', action: 'reject', ...withReason(rejection[1]?.trim() ?? '') }
}

/** Reads a line. Two slashes begin a message with one. @param asks a question of the agent is open */
export const readTyped = (text: string, asks: boolean): Typed => {
  const line = text.trim()
  if (line === '') return { kind: 'nothing' }
  if (line.startsWith('//')) return { kind: 'message', message: line.slice(1), queue_mode: 'followup' }
  const [, command, rest] = /^\/(\S*)\s*(.*)$/s.exec(line) ?? []
  if (command !== undefined) return commandOf(command, rest ?? '')
  return asks ? answerOf(line) : { kind: 'message', message: line, queue_mode: 'followup' }
}
