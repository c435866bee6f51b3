/** Doorbells of runners: hung out, and rung, lost, doubled and late. Nothing may depend on them. */
import { doorbell_protocol } from '../../shared/contract/doorbell.ts'
import { invoke } from './handlers.ts'
import { beat, tokenOf } from './runners.ts'
import type { Sandbox, World } from './world.ts'

/** A runner connects, again too. What it had before rings nowhere from then on. */
export const hangs = (world: World, sandbox: Sandbox): void => {
  const connection = `c${world.ids.secret()}`
  const event = {
    requestContext: { routeKey: '$connect', connectionId: connection, requestId: connection },
    headers: { 'Sec-WebSocket-Protocol': `${doorbell_protocol}, ${tokenOf(sandbox)}` },
  }
  invoke(world, `$connect of ${sandbox.attempt_id}`, async ({ doorbell }) => {
    const { statusCode } = await doorbell(event)
    if (statusCode !== 200) return
    sandbox.doorbell = connection
    beat(world, sandbox)
  })
}

/** A ring reaches whoever hangs there still. @returns whether there was one */
export const hearsRing = (world: World): boolean => {
  const { doorbells, now_ms, sandboxes } = world
  const at = doorbells.findIndex(({ at_ms }) => at_ms <= now_ms)
  const [ring] = at < 0 ? [] : doorbells.splice(at, 1)
  const sandbox = sandboxes.find(({ doorbell }) => doorbell !== undefined && doorbell === ring?.doorbell)
  if (sandbox !== undefined && sandbox.claimed && !sandbox.hung && sandbox.state === 'running') beat(world, sandbox)
  return ring !== undefined
}
