/** Operators of the deployment: they set and take back ceilings, kill a workspace and let it go on. */
import { ask } from './clients.ts'
import { openAll } from './steps.ts'
import type { Tenant, World } from './world.ts'

const limits = [0, 1, 2, 2, 4, null] as const

const setCeiling = (world: World, tenant: Tenant, max_live_attempts: number | null): void =>
  ask(world, tenant.keys.operator, ['PATCH', `/v1/workspaces/${tenant.workspace_id}`, { max_live_attempts }], [], () => undefined)

const resume = (world: World, tenant: Tenant): void =>
  ask(world, tenant.keys.operator, ['POST', `/v1/workspaces/${tenant.workspace_id}/resume`], [], () => undefined)

export const changeCeiling = (world: World): void => setCeiling(world, world.random.pick(world.tenants), world.random.pick(limits))

const isKilled = (world: World, tenant: Tenant): boolean =>
  world.journal.all('gate').some((gate) => gate.workspace_id === tenant.workspace_id && gate.kill !== undefined)

export const kill = (world: World): void => {
  const tenant = world.random.pick(world.tenants)
  const body = { hold: world.random.chance(0.5) }
  ask(world, tenant.keys.admin, ['POST', `/v1/workspaces/${tenant.workspace_id}/kill`, body], [], () => undefined)
}

export const resumeAny = (world: World): void => {
  const tenant = world.random.pick(world.tenants)
  if (isKilled(world, tenant)) resume(world, tenant)
}

/** In the end all workspaces may work, under whatever ceiling lets them. */
export const letAllWork = async (world: World): Promise<void> => {
  for (const tenant of world.tenants) {
    if (isKilled(world, tenant)) resume(world, tenant)
    const gate = world.journal.all('gate').find(({ workspace_id }) => workspace_id === tenant.workspace_id)
    if (gate?.max_live_attempts === 0) setCeiling(world, tenant, 1)
    await openAll(world)
  }
}
