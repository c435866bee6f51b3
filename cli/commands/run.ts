/** `lanekeeper run "…"`: submits a command and follows it. */
import type { Command } from 'commander'
import * as z from 'zod'
import type { CommandParamsInput } from '../../shared/domain/command.ts'
import { Policy } from '../../shared/domain/policy.ts'
import type { AgentView } from '../../shared/contract/agents.ts'
import type { Client, AnswerOf } from '../../client/client.ts'
import { print, type Act, type Context, type Invocation } from '../context.ts'
import { converse, openConversation, type Opened } from '../conversation/converse.ts'
import { firstMessage } from '../conversation/first-message.ts'
import { exit_codes, usageError, type ExitCode } from '../io.ts'
import { findAgent, operand } from '../lookup.ts'
import { clean } from '../render/style.ts'
import { parseDuration, parseInstant, readAttachment, readJson } from '../values.ts'
import { comeBack, followOnTerminal } from './following.ts'

const RunOptions = z.object({
  agent: z.string(),
  session: z.string().optional(),
  forkFrom: z.string().optional(),
  lane: z.string().optional(),
  label: z.string().optional(),
  priority: z.enum(['low', 'normal', 'high', 'urgent'], { error: 'must be low, normal, high or urgent' }).optional(),
  timeout: z.string().optional(),
  policy: z.string().optional(),
  attach: z.array(z.string()).default([]),
  idempotencyKey: z.string().optional(),
  budget: z.coerce.number().positive().optional(),
  notBefore: z.string().optional(),
  queueTimeout: z.string().optional(),
  metadata: z.array(z.string()).default([]),
  detach: z.boolean().default(false),
  interactive: z.boolean().default(false),
})
type RunOptions = z.infer<typeof RunOptions>

const metadataOf = (pairs: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw usageError(`--metadata is not key=value: ${pair}`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )

const messageOf = async (context: Context, args: readonly string[]): Promise<string> => {
  const written = operand(args, 'The message')
  const message = written === '-' ? await context.io.readStdin() : written
  if (message.trim() === '') throw usageError('The message is empty', 'Write it after `run`, or pass - and give it on standard input.')
  return message
}

/** The policy as it is written, of a conversation one whose run waits for what is said next. */
const policyOf = async (context: Context, { policy, interactive }: RunOptions): Promise<Pick<CommandParamsInput, 'policy'>> => {
  const written = policy === undefined ? undefined : await readJson(context.io, '--policy', policy, Policy)
  if (interactive) return { policy: { ...written, interactive } }
  return written === undefined ? {} : { policy: written }
}

const commandOf = async (context: Context, agent: AgentView, message: string, options: RunOptions): Promise<CommandParamsInput> => {
  const attachments = await Promise.all(options.attach.map((path) => readAttachment(context.io, path)))
  const metadata = metadataOf(options.metadata)
  return {
    agent_id: agent.id,
    message,
    ...(options.session === undefined ? {} : { session_id: options.session }),
    ...(options.forkFrom === undefined ? {} : { fork_from: { session_id: options.forkFrom } }),
    ...(options.lane === undefined ? {} : { lane: options.lane }),
    ...(options.label === undefined ? {} : { label: options.label }),
    ...(options.priority === undefined ? {} : { priority: options.priority }),
    ...(options.timeout === undefined ? {} : { timeout_ms: parseDuration('--timeout', options.timeout) }),
    ...(await policyOf(context, options)),
    ...(attachments.length === 0 ? {} : { attachments }),
    ...(options.idempotencyKey === undefined ? {} : { idempotency_key: options.idempotencyKey }),
    ...(options.budget === undefined ? {} : { budget_usd: options.budget }),
    ...(options.notBefore === undefined ? {} : { not_before: parseInstant('--not-before', options.notBefore, context.io.now()) }),
    ...(options.queueTimeout === undefined ? {} : { queue_timeout_ms: parseDuration('--queue-timeout', options.queueTimeout) }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  }
}

const acceptedLines = (context: Context, agent: AgentView, accepted: AnswerOf<Client['tasks']['accept']>): string => {
  const { style } = context
  const { task, input, idempotent_hit, idempotency_mismatch } = accepted
  const what = input === undefined ? 'accepted' : `goes on: the session has a live run, and this is its input ${input.id}`
  const line = style.dim(`${task.id} ${what} · agent ${agent.agent_key} · session ${clean(task.session_id)}`)
  if (!idempotent_hit) return `${line}\n`
  const how = idempotency_mismatch === true ? ' with another body, which is ignored' : ''
  return `${line}\n${style.yellow(`! this idempotency key was used before${how}: here is the task it made`)}\n`
}

const submit = async (context: Context, message: string, options: RunOptions) => {
  const agent = await findAgent(context, options.agent)
  const accepted = await context.client.tasks.accept(await commandOf(context, agent, message, options))
  return { accepted, lines: acceptedLines(context, agent, accepted) }
}

const talkAbout = async (context: Context, opened: Opened, written: string | undefined, options: RunOptions): Promise<ExitCode> => {
  const message = written ?? (await firstMessage(context, opened))
  if (message === undefined) return exit_codes.done
  const { accepted, lines } = await submit(context, message, options)
  opened.lines.write(context.is_json ? `${JSON.stringify(accepted)}\n` : lines)
  if (opened.lines.is_typed) opened.lines.write(`${context.style.dim('/help says what can be typed')}\n`)
  const { task, input } = accepted
  return converse(opened, context, { task_id: task.id, run_id: task.target_run_id, input_id: input?.id, with_prompt: false, questions: [] })
}

const talk = async (context: Context, { args, options }: Invocation<RunOptions>): Promise<ExitCode> => {
  const [written] = args
  if (written === '-') throw usageError('With --interactive each line of standard input is a message', 'Leave the - out.')
  const opened = openConversation(context)
  try {
    return await talkAbout(context, opened, written, options)
  } finally {
    opened.lines.close()
  }
}

const run = async (context: Context, invocation: Invocation<RunOptions>): Promise<ExitCode> => {
  const { args, options } = invocation
  if (options.interactive && !options.detach) return talk(context, invocation)
  const { accepted, lines } = await submit(context, await messageOf(context, args), options)
  if (!options.detach) {
    context.io.out(context.is_json ? `${JSON.stringify(accepted)}\n` : lines)
    return followOnTerminal(context, accepted.task.id, { with_prompt: false })
  }
  print(context, accepted, () => lines + comeBack(context, accepted.task.id))
  return exit_codes.done
}

/** Adds the command. */
export const addRun = (program: Command, act: Act): void => {
  program
    .command('run')
    .argument('[message]', 'what the agent is to do; - reads it from standard input')
    .description('Submit a command and follow it. Exits 0 done, 1 error or timeout, 2 usage, 3 cancelled or dropped, 130 detached')
    .requiredOption('--agent <agent>', 'key or id of the agent')
    .option('--session <id>', 'the conversation to go on with (default: a new one)')
    .option('--fork-from <session>', 'begin a new session with what this one has saved last; --session may name the new one')
    .option('--lane <name>', 'work of one lane runs one after the other')
    .option('--label <text>', 'a label to find the task by')
    .option('--priority <priority>', 'low, normal, high or urgent')
    .option('--timeout <duration>', 'how long an attempt may take, as in 90s or 10m; 0 for the longest there is (default 10m)')
    .option('--policy <json>', 'the execution policy, as JSON or @file')
    .option('--attach <file...>', 'files for the agent')
    .option('--idempotency-key <key>', 'the same key makes the same task, however often it is sent')
    .option('--budget <usd>', 'dollars at which the run is stopped')
    .option('--not-before <time>', 'start then: RFC 3339, or a duration from now')
    .option('--queue-timeout <duration>', 'drop it if it did not start by then')
    .option('--metadata <key=value...>', 'kept with the task')
    .option('-i, --interactive', 'a conversation: the agent waits for what you type next; without a message, the first line is it')
    .option('--detach', 'submit only')
    .action(act(RunOptions, run))
}
