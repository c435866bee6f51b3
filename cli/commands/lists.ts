/** What all listing commands share. */
import type { Command } from 'commander'
import * as z from 'zod'
import { agentKeys, collect } from '../lookup.ts'
import { print, type Context } from '../context.ts'
import { exit_codes, type ExitCode } from '../io.ts'
import type { Shown } from '../render/records.ts'

/** Options of a list. */
export const ListOptions = z.object({ limit: z.coerce.number().int().min(1).default(50), cursor: z.string().optional() })
export type ListOptions = z.infer<typeof ListOptions>

/** Gives a command the options of a list. */
export const listOptions = (command: Command): Command =>
  command.option('--limit <n>', 'at most this many (default 50)').option('--cursor <cursor>', 'where the list before ended')

export const listCommand = (parent: Command, description: string): Command => listOptions(parent.command('list').alias('ls').description(description))

/** How records are shown now. @param with_agents agents are named by their keys, which takes a request */
export const shownBy = async (context: Context, with_agents: boolean): Promise<Shown> => ({
  style: context.style,
  now_ms: context.io.now(),
  agents: with_agents && !context.is_json ? await agentKeys(context.client) : new Map<string, string>(),
})

interface Page<Item> {
  readonly items: readonly Item[]
  readonly next_cursor?: string | undefined
}

/** Gets a list, prints it, and says how to see the rest. */
export const printList = async <Item>(
  context: Context,
  options: ListOptions,
  page: (query: { cursor: string | undefined; limit: number }) => Promise<Page<Item>>,
  render: (shown: Shown, items: readonly Item[]) => string,
  with_agents = false,
): Promise<ExitCode> => {
  const listed = await collect(page, options.limit, options.cursor)
  const shown = await shownBy(context, with_agents && listed.items.length > 0)
  const more = listed.next_cursor === undefined ? '' : context.style.dim(`There may be more: --cursor ${listed.next_cursor}, or a greater --limit.\n`)
  print(context, listed, () => render(shown, listed.items) + more)
  return exit_codes.done
}
