/** Someone who types, for tests: each line when what it waits for is on the screen. */
import type { Lines } from '../io.ts'

export interface Keys {
  /** Typed when this was printed, after what the keys before it waited for. */
  readonly after: string
  readonly keys: 'ctrl-c' | 'ctrl-d' | { readonly line: string }
}

/** Standard input from a pipe. */
export const pipe = (stdin: string, out: (text: string) => void): Lines => {
  const lines = stdin.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return { is_typed: false, next: async () => lines.shift(), write: out, prompt: () => undefined, close: () => undefined }
}

/** A terminal. What stands on it is what `out` gets: all that is written, and each new prompt. */
export const typist = (script: readonly Keys[], out: (text: string) => void, interrupted: () => void): Lines => {
  const left = [...script]
  const typed: (string | undefined)[] = []
  let screen = ''
  let shown = ''
  let wake: () => void = () => undefined
  const look = () => {
    const [next] = left
    const at = next === undefined ? -1 : screen.indexOf(next.after)
    if (next === undefined || at < 0) return
    screen = screen.slice(at + next.after.length)
    left.shift()
    if (next.keys === 'ctrl-c') interrupted()
    else typed.push(next.keys === 'ctrl-d' ? undefined : next.keys.line)
    wake()
    look()
  }
  const print = (text: string) => {
    out(text)
    screen += text
    look()
  }
  return {
    is_typed: true,
    next: async () => {
      while (typed.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      return typed.shift()
    },
    write: print,
    prompt: (text) => {
      if (text !== shown) print(text)
      shown = text
    },
    close: () => undefined,
  }
}
