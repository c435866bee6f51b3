/** The words of a conversation beside what the agent says. */
import type { ApprovalView } from '../../shared/contract/approvals.ts'
import type { InputView } from '../../shared/contract/inputs.ts'
import { typed_commands } from '../conversation/typed.ts'
import { isIdle, type Note, type Talk } from '../conversation/talk.ts'
import { clean, type Style } from './style.ts'
import { fields } from './table.ts'

const help = (style: Style): string =>
  [
    'What you type is a message: the agent takes it when it waits, or after the turn that goes on.',
    ...typed_commands.map(([command, what]) => `  ${command.padEnd(18)} ${style.dim(what)}`),
    `  ${'Ctrl-C'.padEnd(18)} ${style.dim('stop the turn that goes on; again, or between turns: leave')}`,
    `  ${'Ctrl-D'.padEnd(18)} ${style.dim('leave')}`,
    style.dim('A line that ends in \\ goes on in the next one; // begins a message with a slash.'),
  ].join('\n')

const noteText = (style: Style, note: Note): string => {
  switch (note.kind) {
    case 'help':
      return help(style)
    case 'held':
      return style.dim('» it is sent when the task has started')
    case 'stopping':
      return style.yellow('■ stopping the turn; Ctrl-C again leaves')
    case 'no_question':
      return style.yellow('! no question is open')
    case 'answer_first':
      return style.yellow('! the agent waits for an answer: y, n, or n and why. /steer says something else')
    case 'nothing_to_stop':
      return style.yellow('! no turn goes on')
    case 'no_answer':
      return style.yellow('! nobody answers; it is tried again until you leave. The work goes on')
    case 'begin_anew':
      return style.dim('The task is over. A message begins it anew; Ctrl-D leaves.')
    case 'unknown':
      return style.yellow(`! there is no ${clean(note.command)}: /help says what there is`)
  }
}

/** A line or more, each with its end. */
export const noteLines = (style: Style, note: Note): string => `${noteText(style, note)}\n`

/** What the agent asks. */
export const questionLines = (style: Style, { tool, input, reason }: ApprovalView): string =>
  `${style.yellow('? the agent asks for permission')}\n${fields(style, [
    ['  tool', style.bold(clean(tool))],
    ['  input', clean(input)],
    ['  because', clean(reason)],
  ])}`

/** What is said of a message that was sent; '' where the agent takes it at once. */
export const sentLine = (style: Style, { outcome, queue_mode }: InputView): string =>
  outcome === 'queued' && queue_mode !== 'steer' ? `${style.dim('» after this turn')}\n` : ''

/** What stands before the line that is typed. */
export const promptOf = (style: Style, talk: Talk): string => {
  if (talk.questions.length > 0) return style.yellow('allow it? y, n, or n and why › ')
  return isIdle(talk) ? style.bold('› ') : style.dim('… ')
}
