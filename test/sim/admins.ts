/** Admins of a workspace beside its daily work: they make agents, invite guests with a key of their own, and take the key back. */
import * as z from 'zod'
import { ask } from './clients.ts'
import { request } from './handlers.ts'
import type { Tenant, World } from './world.ts'

/** Somebody with a key that may be taken back. */
interface Guest {
  readonly tenant: Tenant
  readonly api_key_id: string
  readonly key: string
  /** Somebody has asked for it; until that is answered, both answers are right. */
  is_leaving: boolean
  is_gone: boolean
}
const guestsOf = new WeakMap<World, Guest[]>()
const guests = (world: World): Guest[] => {
  const known = guestsOf.get(world) ?? []
  guestsOf.set(world, known)
  return known
}

const agents_max = 8

/** Several want the same key, and one gets it. */
export const makeAgent = (world: World): void => {
  const { random, journal } = world
  if (journal.all('agent').length >= agents_max) return
  const tenant = random.pick(world.tenants)
  const agent_key = random.pick(['a-1', 'made-1', 'made-2'])
  const body = { agent_key, config: { runner: 'process', command: ['true'], concurrency: 1 + random.int(3) } }
  ask(world, tenant.keys.admin, ['POST', '/v1/agents', body], ['agent_key_taken'], () => {
    const same = journal
      .all('agent')
      .filter((agent) => agent.workspace_id === tenant.workspace_id && agent.agent_key === agent_key && agent.deleted_at === undefined)
    if (same.length > 1) world.violations.push(`${agent_key} is the key of ${same.length} agents`)
  })
}

const Invited = z.looseObject({ api_key: z.looseObject({ id: z.string() }), key: z.string() })

const invite = (world: World): void => {
  const tenant = world.random.pick(world.tenants)
  ask(world, tenant.keys.admin, ['POST', '/v1/api-keys', { name: 'guest', role: 'member' }], [], (body) => {
    const { api_key, key } = Invited.parse(body)
    guests(world).push({ tenant, api_key_id: api_key.id, key, is_leaving: false, is_gone: false })
  })
}

const sendAway = (world: World, guest: Guest): void => {
  guest.is_leaving = true
  ask(world, guest.tenant.keys.admin, ['DELETE', `/v1/api-keys/${guest.api_key_id}`], [], () => {
    guest.is_gone = true
  })
}

/** A guest may read until his key is taken back, and not once more. */
const visit = (world: World, guest: Guest): void => {
  const { is_gone } = guest
  request(world, 'api', 'GET', '/v1/tasks', { key: guest.key }, ({ status, flow }) => {
    const is_right = is_gone ? status === 401 : status === 200 || (status === 401 && guest.is_leaving)
    if (!is_right && !(status >= 500 && flow.hurt)) world.violations.push(`invariant 11: ${is_gone ? 'a former guest' : 'a guest'} was answered ${status}`)
  })
}

/** One of them comes, calls or goes. */
export const guestDoes = (world: World): void => {
  const known = guests(world)
  if (known.length === 0) return invite(world)
  world.random.pick([visit, visit, sendAway])(world, world.random.pick(known))
}
