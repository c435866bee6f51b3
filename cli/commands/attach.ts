/** `lanekeeper attach <task>`: what happens to a task from now on. */
import type { Command } from 'commander'
import * as z from 'zod'
import { cursorsOf, type Place } from '../../client/follow.ts'
import type { Act, Context, Invocation } from '../context.ts'
import type { ExitCode } from '../io.ts'
import { operand } from '../lookup.ts'
import { followOnTerminal } from './following.ts'

/** Behind all that has happened until now. */
const placeNow = async (context: Context, task_id: string): Promise<Place> => {
  let place: Place | undefined
  for (;;) {
    const batch = await context.client.tasks.events(task_id, cursorsOf(place))
    if (batch.logs.length === 0 && batch.run_events.length === 0) return batch
    place = batch
  }
}

const AttachOptions = z.object({ history: z.boolean().default(false) })

const attach = async (context: Context, { args, options }: Invocation<z.infer<typeof AttachOptions>>): Promise<ExitCode> => {
  const task_id = operand(args, 'The task’s id')
  if (options.history) return followOnTerminal(context, task_id, { with_prompt: true })
  return followOnTerminal(context, task_id, { with_prompt: true, after: await placeNow(context, task_id) })
}

/** Adds the command. */
export const addAttach = (program: Command, act: Act): void => {
  program
    .command('attach')
    .argument('<task>', 'id of the task')
    .description('Follow a task from now on, through retries and restarts, until it ends. Exits like run; Ctrl-C leaves the task alone')
    .option('--history', 'first what its current run has done so far')
    .action(act(AttachOptions, attach))
}
