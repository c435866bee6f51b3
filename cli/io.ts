/** What a command may touch of the world around it. Tests bring their own. */
export interface Io {
  /** Writes to standard output, as it is. */
  readonly out: (text: string) => void
  /** Writes to standard error, as it is. */
  readonly err: (text: string) => void
  /** All of standard input, as text. */
  readonly readStdin: () => Promise<string>
  /** Undefined where there is no such file. */
  readonly readFile: (path: string) => Promise<Uint8Array | undefined>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Standard output is a terminal. */
  readonly is_terminal: boolean
  /** Width of the terminal in columns; what is no terminal has no width. */
  readonly columns: number | undefined
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly fetch: typeof fetch
  /** Calls back on Ctrl-C; returns how to stop listening. */
  readonly onInterrupt: (interrupted: () => void) => () => void
  /** Reads standard input line by line. @param interrupted called on Ctrl-C. @param with_prompt false: as from a pipe, whoever types */
  readonly openLines: (interrupted: () => void, with_prompt: boolean) => Lines
}

/** Standard input as lines, and an output that does not get in the way of a line that is being typed. */
export interface Lines {
  /** Someone types them, and sees a prompt. */
  readonly is_typed: boolean
  /** The next line without its end; undefined when there are no more. A typed line that ends in a backslash goes on in the next one. */
  readonly next: () => Promise<string | undefined>
  /** Writes to standard output, above the line that is being typed. @param text ends in a newline */
  readonly write: (text: string) => void
  /** Sets what stands before the line that is being typed. */
  readonly prompt: (text: string) => void
  readonly close: () => void
}

/**
 * How a command ends. `done`: it did what was asked. `failed`: it, or the work, did not. `usage`: the command line or the
 * configuration is wrong. `cancelled`: the work was cancelled or dropped. `detached`: Ctrl-C, the work goes on.
 */
export const exit_codes = { done: 0, failed: 1, usage: 2, cancelled: 3, detached: 130 } as const
export type ExitCode = (typeof exit_codes)[keyof typeof exit_codes]

/** A command cannot do what was asked: what is wrong, and what to do about it. */
export class CommandError extends Error {
  readonly exit_code: ExitCode
  readonly hint: string | undefined
  constructor(message: string, hint?: string, exit_code: ExitCode = exit_codes.failed) {
    super(message)
    this.name = 'CommandError'
    this.hint = hint
    this.exit_code = exit_code
  }
}

/** The command line or the configuration is wrong. */
export const usageError = (message: string, hint?: string): CommandError => new CommandError(message, hint, exit_codes.usage)
