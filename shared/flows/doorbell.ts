/** Doorbells of runners. */
import { decideDoorbell } from '../domain/decide/doorbell.ts'
import type { Result } from '../domain/result.ts'
import { settle, type FlowDeps } from './flow.ts'
import { liveRun, type RunnerIdentity } from './runner-identity.ts'

/** Remembers where the runner of an attempt is rung. Refused for whoever is not the live attempt of its run. */
export const hangDoorbell = async (
  deps: Pick<FlowDeps, 'store' | 'signals' | 'clock'>,
  identity: RunnerIdentity,
  doorbell: string,
): Promise<Result<undefined>> =>
  settle(deps, async () => {
    const live = await liveRun(deps, identity)
    return live.ok ? decideDoorbell(live.value, doorbell, deps.clock.now()) : live
  })
