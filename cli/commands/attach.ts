/** `lanekeeper attach <task>`: what happens to a task from now on. */
import type { Command } from 'commander'
import * as z from 'zod'
import { cursorsOf, type Place } from '../../client/follow.ts'
import type { Act, Context, Invocation } from '../context.ts'
import { converse, openConversation } from '../conversation/converse.ts'
import type { ExitCode } from '../io.ts'
import { operand } from '../lookup.ts'
import { clean } from '../render/style.ts'
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

const AttachOptions = z.object({ history: z.boolean().default(false), interactive: z.boolean().default(false) })

const openQuestions = async (context: Context, run_id: string | undefined) => {
  const { items } = run_id === undefined ? { items: [] } : await context.client.runs.approvals(run_id, { limit: questions_max })
  return items.filter(({ state }) => state === 'open').toReversed()
}
const questions_max = 200

const talk = async (context: Context, task_id: string, history: boolean): Promise<ExitCode> => {
  const task = await context.client.tasks.get(task_id)
  const after = history ? undefined : await placeNow(context, task_id)
  const questions = await openQuestions(context, task.target_run_id)
  const opened = openConversation(context)
  if (opened.lines.is_typed) {
    const { style } = context
    opened.lines.write(`${style.dim(`${task.id} · ${task.state} · session ${clean(task.session_id)} · /help says what can be typed`)}\n`)
  }
  return converse(opened, context, { task_id, run_id: task.target_run_id, after, with_prompt: history, questions })
}

const attach = async (context: Context, { args, options }: Invocation<z.infer<typeof AttachOptions>>): Promise<ExitCode> => {
  const task_id = operand(args, 'The task’s id')
  if (options.interactive) return talk(context, task_id, options.history)
  if (options.history) return followOnTerminal(context, task_id, { with_prompt: true })
  return followOnTerminal(context, task_id, { with_prompt: true, after: await placeNow(context, task_id) })
}

/** Adds the command. */
export const addAttach = (program: Command, act: Act): void => {
  program
    .command('attach')
    .argument('<task>', 'id of the task')
    .description('Follow a task from now on, through retries and restarts, until it ends. Exits like run; Ctrl-C leaves the task alone')
    .option('-i, --interactive', 'talk to its agent: what you type is sent to it')
    .option('--history', 'first what its current run has done so far')
    .action(act(AttachOptions, attach))
}
