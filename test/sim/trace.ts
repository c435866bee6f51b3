/** What happened in a run of the simulator, line by line, and a hash over all of it: the same seed must give the same hash. */
import { createHash } from 'node:crypto'

export interface TraceLine {
  readonly step: number
  readonly at_ms: number
  /** Who or what it is about: `handler 12`, a task, an attempt, a message. */
  readonly lane: string
  readonly text: string
  readonly is_fault: boolean
}
export interface Trace {
  add(at_ms: number, lane: string, text: string, is_fault?: boolean): void
  /** Empty unless lines are kept. */
  readonly lines: readonly TraceLine[]
  hash(): string
}

const piece_length = 65_536

export const traceOf = (keep: boolean): Trace => {
  const lines: TraceLine[] = []
  const hash = createHash('sha256')
  /** Hashed in long pieces: a call for each line costs more than its bytes. */
  let unhashed = ''
  let step = 0
  return {
    lines,
    add: (at_ms, lane, text, is_fault = false) => {
      step += 1
      unhashed += `${at_ms} ${lane} ${text}\n`
      if (unhashed.length > piece_length) {
        hash.update(unhashed)
        unhashed = ''
      }
      if (keep) lines.push({ step, at_ms, lane, text, is_fault })
    },
    hash: () => hash.copy().update(unhashed).digest('hex').slice(0, 16),
  }
}

/** As `09:00:05.250`; a later day is counted. */
const clockTime = (at_ms: number, began_ms: number): string => {
  const days = Math.floor((at_ms - began_ms) / 86_400_000)
  return `${days === 0 ? '' : `+${days}d `}${new Date(at_ms).toISOString().slice(11, 23)}`
}

/** The lines for people. */
export const traceText = (lines: readonly TraceLine[]): string => {
  const began_ms = lines[0]?.at_ms ?? 0
  return lines
    .map(
      ({ step, at_ms, lane, text, is_fault }) => `${String(step).padStart(5)} ${clockTime(at_ms, began_ms)} ${is_fault ? '!' : ' '} ${lane.padEnd(14)} ${text}`,
    )
    .join('\n')
}
