/** `lanekeeper send` and `lanekeeper interrupt`: say something to a run that exists. */
import type { Command } from 'commander'
import * as z from 'zod'
import { queue_modes, type QueueMode } from '../../shared/domain/input.ts'
import { TaskId } from '../../shared/domain/ids.ts'
import { print, type Act, type Context, type Invocation } from '../context.ts'
import { CommandError, exit_codes, usageError, type ExitCode } from '../io.ts'
import { operand } from '../lookup.ts'
import { comeBack, followOnTerminal } from './following.ts'

const modes = queue_modes.join(', ')
const SendOptions = z.object({
  mode: z.enum(queue_modes, { error: `must be one of ${modes}` }).default('followup'),
  idempotencyKey: z.string().optional(),
  follow: z.boolean().default(false),
})
type SendOptions = z.infer<typeof SendOptions>

/** The run that a run's or a task's id names. */
const runOf = async (context: Context, id: string): Promise<string> => {
  if (!TaskId.safeParse(id).success) return id
  const { target_run_id, state } = await context.client.tasks.get(id)
  if (target_run_id !== undefined) return target_run_id
  throw new CommandError(`${id} has no run yet: it is ${state}`, `Wait until it starts: \`${context.name} logs ${id} --follow\`.`)
}

const messageOf = async (context: Context, args: readonly string[]): Promise<string> => {
  const written = operand(args.slice(1), 'The message')
  const message = written === '-' ? await context.io.readStdin() : written
  if (message.trim() === '') throw usageError('The message is empty', 'Write it after the id, or pass - and give it on standard input.')
  return message
}

const words = {
  direct: 'the agent was waiting for it',
  queued: 'queued',
  interrupted: 'it interrupts the turn that is going on',
  restarted: 'the run was over: the task goes on with it in a new run',
} as const

const sendIn = async (context: Context, args: readonly string[], queue_mode: QueueMode, options: Omit<SendOptions, 'mode'>): Promise<ExitCode> => {
  const run_id = await runOf(context, operand(args, 'The id of a run or task'))
  const message = await messageOf(context, args)
  const key = options.idempotencyKey === undefined ? {} : { idempotency_key: options.idempotencyKey }
  const sent = await context.client.runs.send(run_id, { message, queue_mode, ...key })
  const { style } = context
  const line = `${style.green('✓')} ${sent.input.id}, a ${sent.input.queue_mode} of ${sent.task.id}: ${words[sent.outcome]}\n`
  const repeated = sent.idempotent_hit
    ? style.yellow(`! this idempotency key was used before${sent.idempotency_mismatch === true ? ' with another body, which is ignored' : ''}\n`)
    : ''
  if (!options.follow) {
    print(context, sent, () => line + repeated + comeBack(context, sent.task.id))
    return exit_codes.done
  }
  context.io.out(context.is_json ? `${JSON.stringify(sent)}\n` : line + repeated)
  return followOnTerminal(context, sent.task.id, { with_prompt: false })
}

const send = async (context: Context, { args, options }: Invocation<SendOptions>): Promise<ExitCode> => sendIn(context, args, options.mode, options)

const InterruptOptions = SendOptions.omit({ mode: true })
const interrupt = async (context: Context, { args, options }: Invocation<z.infer<typeof InterruptOptions>>): Promise<ExitCode> =>
  sendIn(context, args, 'interrupt', options)

/** Adds the commands. */
export const addSend = (program: Command, act: Act): void => {
  const one = (name: string, description: string) =>
    program
      .command(name)
      .argument('<run|task>', 'id of a run or task')
      .argument('<message>', 'what to say; - reads it from standard input')
      .description(description)
      .option('--idempotency-key <key>', 'the same key is the same message, however often it is sent')
      .option('--follow', 'show what happens from then on')
  one('send', 'Say something to a run: after its turn, into it, together with others, or instead of it')
    .option('--mode <mode>', `${modes} (default followup)`)
    .action(act(SendOptions, send))
  one('interrupt', 'Stop the turn of a run and go on with a message').action(act(InterruptOptions, interrupt))
}
