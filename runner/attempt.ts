/** The runner's program: one attempt, from its claim to its recorded end. */

export interface AttemptInput {
  /** The runner's environment (`runner_env`, `runner/settings.ts`). Nothing else is read from the process. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted when the sandbox is told to stop: the attempt saves the session and ends within the grace. */
  readonly signal: AbortSignal
}
