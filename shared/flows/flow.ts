/**
 * A flow loads, lets the domain decide, commits, and signals: the one loop of the whole plane. When a condition on the write did
 * not hold, somebody was faster: load again, decide again. Signals go out after the commit; if one cannot be sent, the due
 * times in the table cover for it.
 */
import { ok, refuse, type Refusal, type Result } from '../domain/result.ts'
import type { HealthChange } from '../domain/decide/health.ts'
import type { Decision } from '../domain/decision.ts'
import type { AlarmClock, Clock, Compute, Files, Ids, ModelCredentials, Signal, Signals } from '../ports/ports.ts'
import type { Deployment } from '../settings.ts'
import type { Store } from '../store/store.ts'
import type { CommandMemory } from './command-memory.ts'
import type { RunMemory } from './run-memory.ts'

/** A class whose health has changed. */
export interface ClassHealth extends HealthChange {
  readonly workspace_id: string
  readonly class_key: string
}

export interface FlowDeps {
  readonly store: Store
  readonly signals: Signals
  readonly clock: Clock
  readonly ids: Ids
  readonly files: Files
  readonly deployment: Deployment
  /** Absent: commands are read each time. */
  readonly commands?: CommandMemory
  /** Absent: a run is read before what it belongs to. */
  readonly runs?: RunMemory
  /** Absent where the model needs none per attempt: the runner has its key. */
  readonly model_credentials?: ModelCredentials
  /** Told of a class whose health the end of an attempt has changed, once that is committed. */
  readonly onHealth?: (change: ClassHealth) => void
  /** Told of what was survived and should be seen by an operator, such as a signal that could not be sent. */
  readonly report?: (
    what: 'signal_failed' | 'stop_failed' | 'launch_failed' | 'credentials_failed' | 'alarm_failed' | 'finish_deferred' | 'file_left',
    cause: unknown,
  ) => void
}
/** Flows that also set the alarm clock of schedules. */
export interface AlarmDeps extends FlowDeps {
  readonly alarm_clock: AlarmClock
}
/** Flows that also start and stop sandboxes. */
export interface ComputeDeps extends FlowDeps {
  readonly compute: Compute
}
/** Who looks at whatever is due. */
export interface LookDeps extends ComputeDeps, AlarmDeps {}

/** How often a decision is made again before the caller is told that too much happens at once. */
export const decisions_max = 12

/** Sends signals; a failure is reported, not thrown. */
export const sendSignals = async (deps: Pick<FlowDeps, 'signals' | 'report'>, signals: readonly Signal[]): Promise<void> => {
  if (signals.length === 0) return
  try {
    await deps.signals.send(signals)
  } catch (cause) {
    deps.report?.('signal_failed', cause)
  }
}

/**
 * Loads and decides until the commit goes through. @param decide must load afresh each time; it says undefined where what it read
 * does not fit together, because somebody wrote between two reads
 */
export const settle = async <T>(
  deps: Pick<FlowDeps, 'store' | 'signals' | 'report'>,
  decide: () => Promise<Decision<T> | Refusal | undefined>,
): Promise<Result<T>> => {
  for (let tries = 0; tries < decisions_max; tries += 1) {
    const decision = await decide()
    if (decision === undefined) continue
    if (!decision.ok) return decision
    const committed = decision.writes.length === 0 ? { ok: true } : await deps.store.commit(decision.writes)
    if (!committed.ok) continue
    await sendSignals(deps, decision.signals)
    return ok(decision.value)
  }
  return refuse('too_many_conflicts', 'the record changed at each try: try again')
}

/** For flows that no client waits for: a refusal is a bug there. */
export const settled = async <T>(deps: FlowDeps, decide: () => Promise<Decision<T> | undefined>): Promise<T> => {
  const result = await settle(deps, decide)
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`)
  return result.value
}
