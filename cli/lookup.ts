/** Finding what a command line names. */
import { everyItem, type Client } from '../client/client.ts'
import type { AgentView } from '../shared/contract/agents.ts'
import { AgentId } from '../shared/domain/ids.ts'
import type { Context } from './context.ts'
import { CommandError, usageError } from './io.ts'

/** The agent with this key or id. */
export const findAgent = async (context: Context, name: string): Promise<AgentView> => {
  if (AgentId.safeParse(name).success) return context.client.agents.get(name)
  const { items } = await context.client.agents.list({ agent_key: name })
  const [agent] = items
  if (agent !== undefined) return agent
  throw new CommandError(`There is no agent ${name}`, `Create it with \`${context.name} agents create ${name}\`, or see \`${context.name} agents list\`.`)
}

/** The keys of all agents by their ids. One that was deleted is not in it. */
export const agentKeys = async (client: Client): Promise<ReadonlyMap<string, string>> => {
  const keys = new Map<string, string>()
  for await (const agent of everyItem((cursor) => client.agents.list({ cursor, limit: 200 }))) keys.set(agent.id, agent.agent_key)
  return keys
}

/** The one operand of a command. */
export const operand = (args: readonly string[], name: string): string => {
  const [value] = args
  if (value === undefined || value === '') throw usageError(`${name} is missing`)
  return value
}

interface Page<Item> {
  readonly items: readonly Item[]
  readonly next_cursor?: string | undefined
}
const page_limit_max = 200

/** Up to `limit` items of a list, over as many pages as it takes: a page may be short, even empty. */
export const collect = async <Item>(
  page: (query: { cursor: string | undefined; limit: number }) => Promise<Page<Item>>,
  limit: number,
  cursor?: string,
): Promise<Page<Item>> => {
  const items: Item[] = []
  let next = cursor
  do {
    const got = await page({ cursor: next, limit: Math.min(limit - items.length, page_limit_max) })
    items.push(...got.items)
    next = got.next_cursor
  } while (next !== undefined && items.length < limit)
  return next === undefined ? { items } : { items, next_cursor: next }
}
