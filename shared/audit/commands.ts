/** A task with its command: one task per workspace, agent and idempotency key. */
import { commandKey } from '../domain/class-key.ts'
import { found, foundIf, type Finding } from './finding.ts'
import type { Command } from '../domain/command.ts'
import type { Task } from '../domain/task.ts'

/** @param command what lies under the task's command key */
export const commandFindings = (task: Task, command: Command | undefined): readonly Finding[] => {
  if (command === undefined) return [found('command_missing', task, `${task.id} has no command`)]
  const { agent_id, idempotency_key } = command.params
  return [
    ...foundIf(command.task_id !== task.id, 'command_of_another', task, () => `the idempotency key of ${task.id} belongs to ${command.task_id}`),
    ...foundIf(
      command.command_key !== commandKey(agent_id, idempotency_key) || agent_id !== task.agent_id,
      'command_of_another',
      command,
      () => `the command of ${command.task_id} does not lie under its own agent and idempotency key`,
    ),
  ]
}
