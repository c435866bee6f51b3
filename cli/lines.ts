/** Lines of standard input, typed or from a pipe. */
import { clearScreenDown, createInterface, cursorTo, moveCursor } from 'node:readline'
import type { Io, Lines } from './io.ts'

interface Streams extends Pick<Io, 'onInterrupt'> {
  /** A pipe can be let go of while it is open; a file cannot, and need not be. */
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean; unref?(): unknown }
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean }
}

/** Lines of a pipe or a file. */
const pipedLines = ({ input, output, onInterrupt }: Streams, interrupted: () => void): Lines => {
  const readline = createInterface({ input, crlfDelay: Infinity })
  const lines = readline[Symbol.asyncIterator]()
  const stopListening = onInterrupt(interrupted)
  return {
    is_typed: false,
    next: async () => {
      const read = await lines.next()
      return read.done === true ? undefined : read.value
    },
    write: (text) => void output.write(text),
    prompt: () => undefined,
    close: () => {
      stopListening()
      readline.close()
      input.unref?.()
    },
  }
}

/** A line of a terminal with a backslash at its end, and those that follow, are one. */
const nextWhole = async (lines: AsyncIterator<string, unknown>): Promise<string | undefined> => {
  const parts: string[] = []
  for (;;) {
    const read = await lines.next()
    if (read.done === true) return parts.length === 0 ? undefined : parts.join('\n')
    if (!read.value.endsWith('\\')) return [...parts, read.value].join('\n')
    parts.push(read.value.slice(0, -1))
  }
}

/** Lines that someone types. What is written meanwhile goes above the line, which is drawn again below it. */
const typedLines = ({ input, output }: Streams, interrupted: () => void): Lines => {
  const readline = createInterface({ input, output, terminal: true, prompt: '' })
  const lines = readline[Symbol.asyncIterator]()
  let is_closed = false
  const clear = (): number => {
    const { rows } = readline.getCursorPos()
    moveCursor(output, 0, -rows)
    cursorTo(output, 0)
    clearScreenDown(output)
    return rows
  }
  readline.on('SIGINT', interrupted)
  readline.on('close', () => {
    is_closed = true
    clear()
  })
  return {
    is_typed: true,
    next: async () => nextWhole(lines),
    write: (text) => {
      if (is_closed) return void output.write(text)
      const rows = clear()
      // Drawing the line again begins with going up by as many rows as it had.
      output.write(text + '\n'.repeat(rows))
      readline.prompt(true)
    },
    prompt: (text) => {
      if (is_closed) return
      readline.setPrompt(text)
      readline.prompt(true)
    },
    close: () => readline.close(),
  }
}

/** @param interrupted called on Ctrl-C. @param with_prompt false: as from a pipe, whoever types */
export const openLines = (streams: Streams, interrupted: () => void, with_prompt: boolean): Lines =>
  with_prompt && streams.input.isTTY === true && streams.output.isTTY === true ? typedLines(streams, interrupted) : pipedLines(streams, interrupted)
