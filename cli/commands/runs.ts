/** `lanekeeper runs …` */
import type { Command } from 'commander'
import * as z from 'zod'
import { run_statuses } from '../../shared/domain/run.ts'
import { print, type Act, type Context } from '../context.ts'
import { exit_codes, type ExitCode } from '../io.ts'
import { findAgent, operand } from '../lookup.ts'
import { runFields, runTable } from '../render/records.ts'
import { listCommand, ListOptions, printList, shownBy } from './lists.ts'

const statuses = run_statuses.join(', ')
const RunListOptions = ListOptions.extend({
  status: z.enum(run_statuses, { error: `must be one of ${statuses}` }).optional(),
  agent: z.string().optional(),
  session: z.string().optional(),
  task: z.string().optional(),
})

const list = async (context: Context, { options }: { options: z.infer<typeof RunListOptions> }): Promise<ExitCode> => {
  const filter = {
    ...(options.status === undefined ? {} : { status: options.status }),
    ...(options.agent === undefined ? {} : { agent_id: (await findAgent(context, options.agent)).id }),
    ...(options.session === undefined ? {} : { session_id: options.session }),
    ...(options.task === undefined ? {} : { task_id: options.task }),
  }
  return printList(context, options, (query) => context.client.runs.list({ ...filter, ...query }), runTable, true)
}

const get = async (context: Context, { args }: { args: readonly string[] }): Promise<ExitCode> => {
  const id = operand(args, 'The run’s id')
  const run = await context.client.runs.get(id)
  const { items } = await context.client.runs.attempts(id)
  const shown = await shownBy(context, true)
  print(context, { ...run, attempts: items }, () => runFields(shown, run, items))
  return exit_codes.done
}

const cancel = async (context: Context, { args }: { args: readonly string[] }): Promise<ExitCode> => {
  const answer = await context.client.runs.cancel(operand(args, 'The run’s id'))
  const live = answer.live === undefined ? 'nothing of it was live' : `attempt ${answer.live.attempt_no} was ${answer.live.status} and is told to stop`
  print(context, answer, () => `${context.style.yellow('■')} ${answer.run.id} is ${answer.run.status}; ${live}\n`)
  return exit_codes.done
}

/** Adds the commands. */
export const addRuns = (program: Command, act: Act): void => {
  const runs = program.command('runs').description('Executions of tasks')
  const one = (name: string, description: string) => runs.command(name).argument('<run>', 'id of the run').description(description)
  listCommand(runs, 'List runs, newest first')
    .option('--status <status>', statuses)
    .option('--agent <agent>', 'key or id of the agent')
    .option('--session <id>', 'of one session')
    .option('--task <id>', 'of one task')
    .action(act(RunListOptions, list))
  one('get', 'Show a run and its attempts').action(act(z.object({}), get))
  one('cancel', 'Cancel a run').action(act(z.object({}), cancel))
}
