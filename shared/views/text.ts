import { redactText } from '../domain/redact.ts'

/** How many characters of a message are shown: of one task or input, and of each of a list. */
export const text_max = { one: 400_000, listed: 2_000 } as const

/** A secret that begins within the shown part and ends this far behind it is still found. */
const margin = 8_000

/** A text redacted and cut to `max` characters. It is cut before the search, too, so that a long one costs no more than it shows. */
export const shownText = (text: string, max: number): { readonly text: string; readonly cut: boolean } => {
  const shown = redactText(text.slice(0, max + margin)).slice(0, max)
  return { text: shown, cut: text.length > max }
}
