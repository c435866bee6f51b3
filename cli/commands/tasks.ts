/** `lanekeeper tasks …` and `lanekeeper logs` */
import type { Command } from 'commander'
import * as z from 'zod'
import { everyItem } from '../../client/client.ts'
import { task_states } from '../../shared/domain/task.ts'
import { print, type Act, type Context } from '../context.ts'
import { exit_codes, type ExitCode } from '../io.ts'
import { findAgent, operand } from '../lookup.ts'
import { renderLog } from '../render/log.ts'
import { taskFields, taskTable } from '../render/records.ts'
import { comeBack, followOnTerminal, inputsOf } from './following.ts'
import { listCommand, ListOptions, printList, shownBy } from './lists.ts'

const states = task_states.join(', ')
const TaskListOptions = ListOptions.extend({
  state: z.enum(task_states, { error: `must be one of ${states}` }).optional(),
  agent: z.string().optional(),
  session: z.string().optional(),
  label: z.string().optional(),
  archived: z.boolean().default(false),
})

const list = async (context: Context, { options }: { options: z.infer<typeof TaskListOptions> }): Promise<ExitCode> => {
  const filter = {
    ...(options.state === undefined ? {} : { state: options.state }),
    ...(options.agent === undefined ? {} : { agent_id: (await findAgent(context, options.agent)).id }),
    ...(options.session === undefined ? {} : { session_id: options.session }),
    ...(options.label === undefined ? {} : { label: options.label }),
    ...(options.archived ? { archived: true } : {}),
  }
  return printList(context, options, (query) => context.client.tasks.list({ ...filter, ...query }), taskTable, true)
}

const get = async (context: Context, { args }: { args: readonly string[] }): Promise<ExitCode> => {
  const task = await context.client.tasks.get(operand(args, 'The task’s id'))
  const run = task.target_run_id === undefined ? undefined : await context.client.runs.get(task.target_run_id)
  const shown = await shownBy(context, true)
  print(context, task, () => taskFields(shown, task, run))
  return exit_codes.done
}

const cancel = async (context: Context, { args }: { args: readonly string[] }): Promise<ExitCode> => {
  const { style } = context
  const answer = await context.client.tasks.cancel(operand(args, 'The task’s id'))
  const live = answer.live === undefined ? 'nothing of it was live' : `attempt ${answer.live.attempt_no} was ${answer.live.status} and is told to stop`
  const state = answer.task.state === 'cancelled' ? 'cancelled' : `being cancelled (${answer.task.state})`
  print(context, answer, () => `${style.yellow('■')} ${answer.task.id} is ${state}; ${live}\n`)
  return exit_codes.done
}

const archive = async (context: Context, { args }: { args: readonly string[] }): Promise<ExitCode> => {
  const task = await context.client.tasks.archive(operand(args, 'The task’s id'))
  print(context, task, () => `${context.style.green('✓')} ${task.id} is archived; see it with \`${context.name} tasks list --archived\`\n`)
  return exit_codes.done
}

const RetryOptions = z.object({ follow: z.boolean().default(false) })

const retry = async (context: Context, { args, options }: { args: readonly string[]; options: z.infer<typeof RetryOptions> }): Promise<ExitCode> => {
  const task = await context.client.tasks.retry(operand(args, 'The task’s id'))
  if (options.follow) return followOnTerminal(context, task.id, { with_prompt: false })
  print(context, task, () => `${context.style.green('✓')} ${task.id} is ${task.state} again\n${comeBack(context, task.id)}`)
  return exit_codes.done
}

const LogsOptions = z.object({ follow: z.boolean().default(false) })

const logs = async (context: Context, { args, options }: { args: readonly string[]; options: z.infer<typeof LogsOptions> }): Promise<ExitCode> => {
  const task_id = operand(args, 'The task’s id')
  if (options.follow) return followOnTerminal(context, task_id, { with_prompt: true })
  const { io, style, is_json } = context
  const entries = everyItem((cursor) => context.client.tasks.logs(task_id, cursor === undefined ? {} : { cursor }))
  for await (const entry of entries) io.out(is_json ? `${JSON.stringify(entry)}\n` : renderLog(style, entry, io.columns))
  if (!is_json) io.out(await inputsOf(context, (await context.client.tasks.get(task_id)).target_run_id))
  return exit_codes.done
}

/** Adds the commands. */
export const addTasks = (program: Command, act: Act): void => {
  const tasks = program.command('tasks').description('Accepted commands: what a user tracks')
  const one = (name: string, description: string) => tasks.command(name).argument('<task>', 'id of the task').description(description)
  listCommand(tasks, 'List tasks, newest first')
    .option('--state <state>', states)
    .option('--agent <agent>', 'key or id of the agent')
    .option('--session <id>', 'of one session')
    .option('--label <text>', 'of one label')
    .option('--archived', 'those that were archived')
    .action(act(TaskListOptions, list))
  one('get', 'Show a task, and its result or error').action(act(z.object({}), get))
  one('cancel', 'Cancel a task; what runs is told to stop').action(act(z.object({}), cancel))
  one('archive', 'Put a task that has ended out of sight').action(act(z.object({}), archive))
  one('retry', 'Queue a task that has ended again, in the same session').option('--follow', 'and follow it').action(act(RetryOptions, retry))
  program
    .command('logs')
    .argument('<task>', 'id of the task')
    .description('What was said and done in the task’s session; --follow: of this task, until it ends')
    .option('-f, --follow', 'follow the task as it goes; exits like run')
    .action(act(LogsOptions, logs))
}
