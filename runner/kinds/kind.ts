/** What every kind of runner gets, and what it gives back. */
import type { Assignment } from '../../shared/contract/runner-protocol.ts'
import type { Failure, Outcome } from '../../shared/domain/run.ts'
import { ModelUsage } from '../../shared/domain/usage.ts'
import type { Log } from '../log.ts'
import type { Bridge, Sandbox, SandboxedProcess } from '../sandbox/sandbox.ts'
import { aborted, pause, type Stop, type StopOrder } from '../stop.ts'

export interface KindInput {
  readonly assignment: Assignment
  readonly sandbox: Sandbox
  readonly stop: Stop
  readonly log: Log
  /** Values that must not be seen in what leaves the runner. */
  readonly secrets: readonly string[]
  /** What every command in the sandbox starts with; nothing in it is secret. */
  readonly env: Readonly<Record<string, string>>
  readonly bridges: readonly Bridge[]
  readonly cwd: string
  /** As the agent sees them. */
  readonly attachment_paths: readonly string[]
  /** Between SIGTERM and SIGKILL. */
  readonly stop_grace_ms: number
}

/** How the agent's work ended. */
export interface KindResult {
  readonly outcome: Outcome
  readonly exit_code?: number
  readonly error?: Failure
  readonly result?: string
  readonly usage: ModelUsage
}

/** Nothing used. `no_usage` of the domain has fields that a runner does not report. */
export const no_model_usage: ModelUsage = ModelUsage.parse({})

export const failure = (code: string, message: string, retryable: boolean): Failure => ({ code, message: message.slice(0, 4_000), retryable })

/** How an attempt ends that was told to; undefined for an order after which nobody is told anything. */
export const stoppedResult = (order: StopOrder, usage: ModelUsage): KindResult => {
  switch (order) {
    case 'cancel':
      return { outcome: 'cancelled', usage }
    case 'timeout':
      return { outcome: 'timeout', error: failure('timeout', 'the attempt reached its timeout', true), usage }
    case 'budget':
      return { outcome: 'error', error: failure('budget_exceeded', 'the run reached its budget', false), usage }
    case 'sandbox_stopped':
      return { outcome: 'error', error: failure('sandbox_stopped', 'the sandbox was told to stop while the agent worked', true), usage }
    case 'superseded':
    case 'lease_lost':
    case 'plane_lost':
      return { outcome: 'error', error: failure(order, 'the attempt lost its session', true), usage }
  }
}

/**
 * Once the attempt has to stop, or the turn is interrupted: SIGTERM, the grace, SIGKILL; at once where the attempt has lost its session.
 * Resolves when the process is gone.
 */
export const endOnStop = async (process: SandboxedProcess, stop: Stop, grace_ms: number, interrupted: AbortSignal): Promise<void> => {
  const gone = process.exited.then(() => 'gone' as const)
  const ordered = await Promise.race([gone, aborted(stop.soft), aborted(interrupted)])
  if (ordered === 'gone') return
  if (!stop.isHard()) {
    process.kill('SIGTERM')
    await Promise.race([gone, pause(grace_ms, stop.hard)])
  }
  process.kill('SIGKILL')
  await gone
}
