/** Colours and marks: on a terminal only, and never against NO_COLOR. */
import picocolors from 'picocolors'
import type { Io } from '../io.ts'

export type Style = ReturnType<typeof picocolors.createColors>

/** Colours for standard output; FORCE_COLOR turns them on where it is no terminal. */
export const styleFor = (io: Pick<Io, 'env' | 'is_terminal'>): Style => {
  const { NO_COLOR, FORCE_COLOR, TERM } = io.env
  if (NO_COLOR !== undefined && NO_COLOR !== '') return picocolors.createColors(false)
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '' && FORCE_COLOR !== '0') return picocolors.createColors(true)
  return picocolors.createColors(io.is_terminal && TERM !== 'dumb')
}

export const plain: Style = picocolors.createColors(false)

/** The words of states and statuses, by how good the news is. */
const tones: Readonly<Record<string, 'green' | 'red' | 'yellow' | 'cyan' | 'dim'>> = {
  done: 'green',
  ok: 'green',
  healthy: 'green',
  active: 'green',
  running: 'cyan',
  pending: 'cyan',
  accepted: 'cyan',
  stopping: 'yellow',
  waiting: 'yellow',
  warning: 'yellow',
  blocked: 'yellow',
  cancelled: 'yellow',
  dropped: 'red',
  error: 'red',
  timeout: 'red',
  degraded: 'red',
  queued: 'dim',
  sleeping: 'dim',
  inactive: 'dim',
  revoked: 'dim',
  archived: 'dim',
}

/** A state or status in its colour. */
export const toned = (style: Style, word: string): string => {
  const tone = tones[word]
  return tone === undefined ? word : style[tone](word)
}

/**
 * Text that an agent or another user wrote, safe for a terminal: control characters (escape sequences among them) could move
 * the cursor, rewrite what was printed or change the title, so all but tab and newline become a visible mark.
 */
export const clean = (text: string): string => text.replace(/\r\n/g, '\n').replace(/(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu, '\u00b7')
