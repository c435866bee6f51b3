/** Model credentials of an attempt: given with the claim, and again with the heartbeat before they end. Nothing of them is stored. */
import { loadCommand } from './load.ts'
import type { FlowDeps } from './flow.ts'
import type { VendedCredentials } from '../contract/runner-protocol.ts'
import type { AgentConfig } from '../domain/agent.ts'
import type { Run } from '../domain/run.ts'
import { millis } from '../domain/time.ts'
import { refs } from '../store/keys.ts'

/** As long as AWS lets one role's session vend another's ("role chaining"). */
const valid_ms = 3_600_000
/** Many heartbeats long, so that STS may be out for minutes. */
const renew_before_ms = 600_000

/** The model that an attempt asks: its agent's, else the deployment's. */
export const modelOf = (deps: FlowDeps, config: AgentConfig): string => config.model ?? deps.deployment.default_model

/** Credentials for a claim. Throws where they cannot be had just now: the runner claims again and gets the same attempt. */
export const vendCredentials = async (deps: FlowDeps, run: Run, config: AgentConfig): Promise<VendedCredentials | undefined> => {
  const { workspace_id, id: run_id, attempt } = run
  // Whatever else runs asks no model through the runner.
  if (config.runner !== 'claude_code') return undefined
  return deps.model_credentials?.vend({ workspace_id, run_id, attempt_no: attempt.attempt_no, model: modelOf(deps, config) }, valid_ms)
}

/**
 * Fresh credentials for an attempt whose newest end soon. @param expire_at what its runner says of those; undefined if it has none
 * @returns undefined if it is too early, or if there are none to be had: that must cost no lease, and the next heartbeat asks again
 */
export const renewCredentials = async (deps: FlowDeps, run: Run, expire_at: string | undefined): Promise<VendedCredentials | undefined> => {
  if (deps.model_credentials === undefined || expire_at === undefined || millis(expire_at) - deps.clock.now() > renew_before_ms) return undefined
  try {
    const task = await deps.store.get(refs.task(run.workspace_id, run.task_id))
    return task === undefined ? undefined : await vendCredentials(deps, run, (await loadCommand(deps, task)).agent_config)
  } catch (cause) {
    deps.report?.('credentials_failed', cause)
    return undefined
  }
}
