/** What became of inputs, a line for each. */
import type { InputView } from '../../shared/contract/inputs.ts'
import { oneLine } from './format.ts'
import { clean, type Style } from './style.ts'

const message_max = 60

const endOf = (style: Style, { disposition, outcome }: InputView): string => {
  if (disposition === undefined) return style.yellow(`pending (${outcome})`)
  switch (disposition.kind) {
    case 'consumed':
      return style.green(`consumed in turn ${disposition.turn} of attempt ${disposition.attempt_no}`)
    case 'merged':
      return style.green(`merged into ${disposition.into}`)
    case 'superseded':
      return style.yellow(`superseded by ${disposition.by}`)
    case 'rejected':
      return style.red(`rejected: ${disposition.reason}`)
  }
}

/** Each input with its end, in the order they were accepted; '' for none. */
export const inputLines = (style: Style, inputs: readonly InputView[]): string =>
  inputs
    .map((input) => `${style.dim(`» ${input.queue_mode}`)} ${oneLine(clean(input.message), message_max)} ${style.dim('·')} ${endOf(style, input)}\n`)
    .join('')
