/** Commands that one process has read. A command is written once and never changes, so what is remembered is never stale. */
import type { Command } from '../domain/command.ts'

export interface CommandMemory {
  find(workspace_id: string, command_key: string): Command | undefined
  keep(command: Command): void
}

/** How many, and what a large one may hold: some 4 MB in all. */
const commands_max = 256
const text_length_max = 16_384

const isSmall = ({ params, agent_config }: Command): boolean =>
  params.attachments.length === 0 &&
  params.message.length + (params.extra_system_prompt ?? '').length + (agent_config.system_prompt ?? '').length <= text_length_max

const nameOf = (workspace_id: string, command_key: string): string => `${workspace_id}#${command_key}`

/** Forgets the oldest first: an attempt is claimed and ended within a short time, or its command is read again. */
export const createCommandMemory = (): CommandMemory => {
  const commands = new Map<string, Command>()
  return {
    find: (workspace_id, command_key) => commands.get(nameOf(workspace_id, command_key)),
    keep: (command) => {
      if (!isSmall(command)) return
      commands.set(nameOf(command.workspace_id, command.command_key), command)
      const [oldest] = commands.keys()
      if (commands.size > commands_max && oldest !== undefined) commands.delete(oldest)
    },
  }
}
