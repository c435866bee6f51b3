/** Orders after which the plane counts on handlers that end in time: a gate that is shut, a ceiling that is set. */
import { deployment_owner } from '../../shared/domain/ceiling.ts'
import { gate_shut_after_ms } from '../../shared/domain/gate.ts'
import type { Change } from '../../shared/audit/changes.ts'
import type { Gate } from './gates.ts'
import type { Flow, World } from './world.ts'

/** When each world was last given an order that counts on handlers which end in time. */
const ordered = new WeakMap<World, { readonly step: number; readonly at_ms: number }>()

const under_ceiling = new WeakSet<World>()
/** Whether the settings have a ceiling of the deployment at present. */
export const isUnderCeiling = (world: World): boolean => under_ceiling.has(world)

/**
 * Somebody deploys other settings: handlers that run go on with theirs. A ceiling that is taken back and set again before a sweep came by would be
 * the same one to the plane, so there the deployment waits.
 */
export const redeploy = (world: World): void => {
  const ceiling = world.journal.all('ceiling').find(({ owner }) => owner === deployment_owner)
  if (under_ceiling.delete(world) || (ceiling !== undefined && ceiling.lifted !== true)) return
  under_ceiling.add(world)
  ordered.set(world, { step: world.journal.step(), at_ms: world.now_ms })
}

/** Remembers that a gate was shut or a ceiling set. */
export const noteOrders = (world: World, changes: readonly Change[]): void => {
  const is_order = changes.some(
    ({ before, after }) => after?.kind === 'gate' && (before?.kind !== 'gate' || before.kill === undefined || before.max_live_attempts === undefined),
  )
  if (is_order) ordered.set(world, { step: world.journal.step(), at_ms: world.now_ms })
}

/** No function lives longer than this, but the sweep, which starts nothing. */
const handler_ms_max = gate_shut_after_ms / 2

/**
 * Whether the time of a handler's function is over. Only where an order was given while it lived: there the plane counts on it, and
 * elsewhere handlers that live long meet more.
 */
export const outlived = (world: World, gate: Gate, flow: Flow | undefined): boolean => {
  const order = ordered.get(world)
  if (order === undefined || flow === undefined || flow.name === 'sweep') return false
  return flow.began < order.step && world.now_ms > order.at_ms + handler_ms_max && gate.kind === 'commit'
}
