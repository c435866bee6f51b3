/** Prompts that script the model: each line is one turn of it (local/scripted-model). */

/** A turn in which the model calls a tool. */
export const toolTurn = (tool: string, input: object): string => `STUB: ${JSON.stringify({ tool, input })}`
/** A turn in which the model runs a command. */
export const bashTurn = (command: string): string => toolTurn('Bash', { command, description: 'a scripted command' })
/** A turn in which the model speaks, which ends its answer. */
export const textTurn = (text: string): string => `STUB: ${JSON.stringify({ text })}`
/** A prompt with a script. */
export const scripted = (...turns: readonly string[]): string => ['Do as scripted.', ...turns].join('\n')
