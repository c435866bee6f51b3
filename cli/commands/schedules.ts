/** `lanekeeper schedules …` */
import type { Command } from 'commander'
import * as z from 'zod'
import type { ScheduleView } from '../../shared/contract/schedules.ts'
import { overlaps } from '../../shared/domain/schedule.ts'
import { print, type Act, type Context } from '../context.ts'
import { exit_codes, usageError, type ExitCode } from '../io.ts'
import { findAgent, operand } from '../lookup.ts'
import { ago } from '../render/format.ts'
import { nextLines, scheduleFields, scheduleTable, tickTable } from '../render/schedules.ts'
import { clean } from '../render/style.ts'
import { parseDuration } from '../values.ts'
import { comeBack, followOnTerminal } from './following.ts'
import { listCommand, listOptions, ListOptions, printList, shownBy } from './lists.ts'

const Changes = z.object({
  cron: z.string().optional(),
  timezone: z.string().optional(),
  overlap: z.enum(overlaps, { error: `must be one of ${overlaps.join(', ')}` }).optional(),
  catchup: z.string().optional(),
})
type Changes = z.infer<typeof Changes>

const changesOf = (options: Changes) => ({
  ...(options.cron === undefined ? {} : { cron_expr: options.cron }),
  ...(options.timezone === undefined ? {} : { timezone: options.timezone }),
  ...(options.overlap === undefined ? {} : { overlap: options.overlap }),
  ...(options.catchup === undefined ? {} : { catchup_window_ms: parseDuration('--catchup', options.catchup) }),
})

const show = async (context: Context, schedule: ScheduleView): Promise<ExitCode> => {
  const shown = await shownBy(context, true)
  print(context, schedule, () => scheduleFields(shown, schedule))
  return exit_codes.done
}

const DraftOptions = z.object({ timezone: z.string().optional() })

const draft = async (context: Context, { args, options }: { args: readonly string[]; options: z.infer<typeof DraftOptions> }): Promise<ExitCode> => {
  const text = operand(args, 'The words')
  const drafted = await context.client.schedules.draft({ text, ...(options.timezone === undefined ? {} : { timezone: options.timezone }) })
  const shown = await shownBy(context, false)
  const create = `${context.name} schedules create "…" --agent … --cron "${drafted.cron_expr}" --timezone ${drafted.timezone}`
  const { bold, dim } = context.style
  const head = `${bold(clean(drafted.cron_expr))}  ${clean(drafted.sentence)}\n`
  print(
    context,
    drafted,
    () => `${head}${nextLines(shown, drafted)}${dim(`Said by ${clean(drafted.model)}. Nothing is stored; create it: ${clean(create)}`)}\n`,
  )
  return exit_codes.done
}

const scheduleId = (args: readonly string[]): string => operand(args, 'The schedule’s id')

const CreateOptions = Changes.extend({ agent: z.string(), cron: z.string(), paused: z.boolean().default(false) })

const create = async (context: Context, { args, options }: { args: readonly string[]; options: z.infer<typeof CreateOptions> }): Promise<ExitCode> => {
  const written = operand(args, 'The prompt')
  const prompt = written === '-' ? await context.io.readStdin() : written
  const agent = await findAgent(context, options.agent)
  const schedule = await context.client.schedules.create({
    agent_id: agent.id,
    prompt,
    ...changesOf(options),
    cron_expr: options.cron,
    ...(options.paused ? { active: false } : {}),
  })
  const { style, io, name } = context
  const next = schedule.next_run_at === undefined ? 'it is paused' : `its first tick is ${ago(schedule.next_run_at, io.now())} (${schedule.next_run_at})`
  const text = `${style.green('✓')} created schedule ${schedule.id}; ${next}\n${style.dim(`See what comes: ${name} schedules next ${schedule.id}`)}\n`
  print(context, schedule, () => text)
  return exit_codes.done
}

const UpdateOptions = Changes.extend({ agent: z.string().optional(), prompt: z.string().optional() })

const update = async (context: Context, { args, options }: { args: readonly string[]; options: z.infer<typeof UpdateOptions> }): Promise<ExitCode> => {
  const id = scheduleId(args)
  const change = {
    ...changesOf(options),
    ...(options.prompt === undefined ? {} : { prompt: options.prompt }),
    ...(options.agent === undefined ? {} : { agent_id: (await findAgent(context, options.agent)).id }),
  }
  if (Object.keys(change).length === 0) throw usageError('There is nothing to change', `See \`${context.name} schedules update --help\`.`)
  return show(context, await context.client.schedules.update(id, change))
}

const setActive =
  (active: boolean) =>
  async (context: Context, { args }: { args: readonly string[] }): Promise<ExitCode> =>
    show(context, await context.client.schedules.update(scheduleId(args), { active }))

const remove = async (context: Context, { args }: { args: readonly string[] }): Promise<ExitCode> => {
  const schedule = await context.client.schedules.delete(scheduleId(args))
  print(context, schedule, () => `${context.style.green('✓')} deleted schedule ${schedule.id}; tasks that it submitted go on\n`)
  return exit_codes.done
}

const ScheduleListOptions = ListOptions.extend({ agent: z.string().optional() })

const list = async (context: Context, { options }: { options: z.infer<typeof ScheduleListOptions> }): Promise<ExitCode> => {
  const filter = options.agent === undefined ? {} : { agent_id: (await findAgent(context, options.agent)).id }
  return printList(context, options, (query) => context.client.schedules.list({ ...filter, ...query }), scheduleTable, true)
}

const FireOptions = z.object({ follow: z.boolean().default(false), idempotencyKey: z.string().optional() })

const fire = async (context: Context, { args, options }: { args: readonly string[]; options: z.infer<typeof FireOptions> }): Promise<ExitCode> => {
  const fired = await context.client.schedules.fire(scheduleId(args), options.idempotencyKey)
  if (options.follow) return followOnTerminal(context, fired.task.id, { with_prompt: false })
  print(context, fired, () => `${context.style.green('✓')} submitted ${fired.task.id}\n${comeBack(context, fired.task.id)}`)
  return exit_codes.done
}

const NextOptions = z.object({ count: z.coerce.number().int().min(1).default(5) })

const next = async (context: Context, { args, options }: { args: readonly string[]; options: z.infer<typeof NextOptions> }): Promise<ExitCode> => {
  const ticks = await context.client.schedules.next(scheduleId(args), { count: options.count })
  const shown = await shownBy(context, false)
  print(context, ticks, () => nextLines(shown, ticks))
  return exit_codes.done
}

const changeOptions = (command: Command): Command =>
  command
    .option('--timezone <zone>', 'IANA name of the time zone, as in Europe/Berlin (default UTC)')
    .option('--overlap <policy>', 'while the task of an earlier tick is unfinished: queue (default), skip or cancel_previous')
    .option('--catchup <duration>', 'ticks that the plane comes to later than this are missed (default 10m)')

/** Adds the commands. */
export const addSchedules = (program: Command, act: Act): void => {
  const schedules = program.command('schedules').description('Crons that submit commands')
  const one = (name: string, description: string) => schedules.command(name).argument('<schedule>', 'id of the schedule').description(description)
  changeOptions(schedules.command('create').argument('<prompt>', 'what the agent is to do; - reads it from standard input'))
    .description('Create a schedule')
    .requiredOption('--agent <agent>', 'key or id of the agent')
    .requiredOption('--cron <expr>', 'minute hour day-of-month month day-of-week, as in "0 9 * * 1-5"')
    .option('--paused', 'it has no ticks until it is resumed')
    .action(act(CreateOptions, create))
  schedules
    .command('draft')
    .argument('<words>', 'as in "weekdays at nine in Berlin"')
    .description('Turn plain words into a cron and a zone; nothing is stored')
    .option('--timezone <zone>', 'of words that name no place (default UTC)')
    .action(act(DraftOptions, draft))
  listCommand(schedules, 'List schedules, newest first').option('--agent <agent>', 'key or id of the agent').action(act(ScheduleListOptions, list))
  one('get', 'Show a schedule').action(act(z.object({}), async (context, { args }) => show(context, await context.client.schedules.get(scheduleId(args)))))
  changeOptions(one('update', 'Change a schedule; what is due ends first'))
    .option('--cron <expr>', 'other times')
    .option('--prompt <text>', 'another prompt')
    .option('--agent <agent>', 'another agent')
    .action(act(UpdateOptions, update))
  one('delete', 'Delete a schedule; tasks that it submitted go on').action(act(z.object({}), remove))
  one('pause', 'It has no ticks until it is resumed').action(act(z.object({}), setActive(false)))
  one('resume', 'It goes on with the first tick from now on').action(act(z.object({}), setActive(true)))
  one('fire', 'Submit its command now; this is no tick')
    .option('--idempotency-key <key>', 'the same key makes the same task, however often it is sent')
    .option('--follow', 'and follow the task')
    .action(act(FireOptions, fire))
  listOptions(one('ticks', 'What became of its ticks, newest first')).action(
    act(ListOptions, (context, { args, options }) =>
      printList(context, options, (query) => context.client.schedules.ticks(scheduleId(args), query), tickTable),
    ),
  )
  one('next', 'The ticks to come, with changes of the clocks').option('--count <n>', 'this many (default 5, at most 100)').action(act(NextOptions, next))
}
