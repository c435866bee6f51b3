/** Hides secrets in a text that arrives in pieces: no secret gets through because a border between pieces cuts it in two. */
import { redactText, uncuttableSpans } from '../shared/domain/redact.ts'

export interface RedactStream {
  /** Takes the next piece; gives what can be said by now, which may be nothing. */
  push(piece: string): string
  /** Gives the rest. */
  end(): string
}

/** A line is held back until it ends, but no more than this: it is longer than any secret that a pattern knows, save PEM keys. */
const held_length_max = 8_192
/** A PEM key is held until its end line, but no more than this. */
const pem_length_max = 32_768

const pem_begin = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----/
const pem_end = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----/

/** Where an unfinished PEM key begins; the text's length if none does. */
const openPem = (text: string): number => {
  const at = text.lastIndexOf('-----BEGIN ')
  return at === -1 || !pem_begin.test(text.slice(at)) || pem_end.test(text.slice(at)) ? text.length : at
}

/** How much of `text` can be said: whole lines, no unfinished key, and never the middle of a secret or of what names it. */
const safeLength = (text: string, secrets: readonly string[], multiline_secret_length: number): number => {
  const line_end = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1
  const whole_lines = Math.min(line_end, text.length - multiline_secret_length)
  const lines = Math.max(0, whole_lines, text.length - held_length_max)
  const cut = Math.max(Math.min(lines, openPem(text)), text.length - pem_length_max)
  return uncuttableSpans(text, secrets).find((span) => span.start < cut && span.end > cut)?.start ?? cut
}

/** @param secrets values known to be secret */
export const redactStream = (secrets: readonly string[]): RedactStream => {
  /** A known secret that spans lines may begin in a whole line: its length less one is held back too. */
  const multiline_secret_length = Math.max(0, ...secrets.filter((secret) => /[\r\n]/.test(secret)).map((secret) => secret.length - 1))
  let held = ''
  return {
    push: (piece) => {
      held += piece
      const length = safeLength(held, secrets, multiline_secret_length)
      const said = redactText(held.slice(0, length), secrets)
      held = held.slice(length)
      return said
    },
    end: () => {
      const said = redactText(held, secrets)
      held = ''
      return said
    },
  }
}
