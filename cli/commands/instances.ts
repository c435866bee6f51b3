/** `lanekeeper instances …` */
import type { Command } from 'commander'
import * as z from 'zod'
import type { InstanceView } from '../../shared/contract/instances.ts'
import { print, type Act, type Context } from '../context.ts'
import { exit_codes, usageError, type ExitCode } from '../io.ts'
import { operand } from '../lookup.ts'
import { instanceFields, instanceTable } from '../render/records.ts'
import { listCommand, ListOptions, printList, shownBy } from './lists.ts'

const key_name = 'The instance’s key'

const show = async (context: Context, instance: InstanceView): Promise<ExitCode> => {
  const shown = await shownBy(context, true)
  print(context, instance, () => instanceFields(shown, instance))
  return exit_codes.done
}

const limitOperand = (args: readonly string[]): number | null => {
  const [, text] = args
  if (text === 'default') return null
  if (text !== undefined && /^\d{1,6}$/.test(text)) return Number(text)
  throw usageError('The limit must be a whole number, or `default` to give it back to the lane or the agent')
}

/** Adds the commands. */
export const addInstances = (program: Command, act: Act): void => {
  const instances = program.command('instances').description('Execution classes: how much of each runs, waits and may run')
  const one = (name: string, description: string) => instances.command(name).argument('<key>', 'key of the instance: execclass_…').description(description)
  listCommand(instances, 'List execution instances').action(
    act(ListOptions, (context, { options }) => printList(context, options, (query) => context.client.instances.list(query), instanceTable, true)),
  )
  one('get', 'Show an execution instance').action(
    act(z.object({}), async (context, { args }) => show(context, await context.client.instances.get(operand(args, key_name)))),
  )
  one('set-limit', 'Set how many attempts may be live at once; works at once')
    .argument('<limit>', 'a whole number, 0 to let nothing start, or `default`')
    .action(
      act(z.object({}), async (context, { args }) =>
        show(context, await context.client.instances.update(operand(args, key_name), { desired_dispatch_concurrency: limitOperand(args) })),
      ),
    )
  one('reset', 'Make a degraded class healthy, so that it starts work again').action(
    act(z.object({}), async (context, { args }) => show(context, await context.client.instances.update(operand(args, key_name), { reset: true }))),
  )
}
