/** Ending attempts: loads all that the ending touches, and lets `decideFinish` decide. */
import { decideFinish, type Finished, type Reported } from '../domain/decide/finish.ts'
import type { Ending } from '../domain/decide/ending.ts'
import { decided } from '../domain/decision.ts'
import { isFenced, isLive, type Run } from '../domain/run.ts'
import type { Instance } from '../domain/instance.ts'
import type { Session } from '../domain/session.ts'
import type { Task } from '../domain/task.ts'
import { laterUsage } from '../domain/usage.ts'
import { refs } from '../store/keys.ts'
import { settled, type FlowDeps } from './flow.ts'
import { loadAttached, loadCommand } from './load.ts'
import { removeFiles, supersededBy } from './saved-files.ts'
import type { RunNames } from './run-memory.ts'
import type { AttemptEvent, SessionFile } from '../ports/ports.ts'

export interface RunName {
  readonly workspace_id: string
  readonly run_id: string
}

/** What an ending touches beside the run. */
interface Touched {
  readonly task: Task | undefined
  readonly instance: Instance | undefined
  readonly session: Session | undefined
}

const touchedBy = ({ workspace_id, task_id, class_key, session_id }: Omit<RunNames, 'id'>) => [
  refs.task(workspace_id, task_id),
  refs.instance(workspace_id, class_key),
  refs.session(workspace_id, session_id),
]

const touchedIn = (records: readonly (Run | Task | Instance | Session | undefined)[]): Touched => ({
  task: records.find((record) => record?.kind === 'task'),
  instance: records.find((record) => record?.kind === 'instance'),
  session: records.find((record) => record?.kind === 'session'),
})

const loadTouched = async (deps: FlowDeps, run: Run): Promise<Touched> => touchedIn(await deps.store.getMany<'task' | 'instance' | 'session'>(touchedBy(run)))

/** A run, and what its end touches if that was read with it. */
export interface SeenRun {
  readonly run: Run | undefined
  readonly touched?: Touched | undefined
}

/** Reads a run whose end is reported: with all that its end touches, in one read, where this process has seen it claimed. */
export const loadToFinish = async (deps: FlowDeps, { workspace_id, run_id }: RunName): Promise<SeenRun> => {
  const names = deps.runs?.find(workspace_id, run_id)
  const ref = refs.run(workspace_id, run_id)
  if (names === undefined) return { run: await deps.store.get(ref) }
  const records = await deps.store.getMany<'run' | 'task' | 'instance' | 'session'>([ref, ...touchedBy(names)])
  return { run: records.find((record) => record?.kind === 'run'), touched: touchedIn(records) }
}

/**
 * Ends the live attempt of a run. @param ending what to report, from the run as it is then; undefined to leave it alone
 * @param seen what the caller has just read: the first try decides on it, and a conflict reads it again
 * @returns whether this call ended it; a late, doubled or unfounded report changes nothing
 */
export const finishAttempt = async (deps: FlowDeps, name: RunName, ending: (run: Run) => Ending | undefined, seen?: SeenRun): Promise<Reported> => {
  let at_hand = seen
  let superseded: readonly SessionFile[] = []
  let class_key: string | undefined
  const { reported, health } = await settled<Finished>(deps, async () => {
    const { run, touched } = at_hand ?? { run: await deps.store.get(refs.run(name.workspace_id, name.run_id)) }
    at_hand = undefined
    const word = run === undefined ? undefined : ending(run)
    if (run === undefined || word === undefined || !isLive(run.attempt)) return decided([], [], { reported: 'unchanged' })
    class_key = run.class_key
    const [{ task, instance, session }, attached] = await Promise.all([touched ?? loadTouched(deps, run), loadAttached(deps, run)])
    if (task?.state !== 'running' && task?.state !== 'waiting') return decided([], [], { reported: 'unchanged' })
    if (attached === undefined) return undefined
    if (instance === undefined) throw new Error(`${run.class_key} of ${run.id} is missing`)
    const state = { task, run, instance, ...attached, session, command: await loadCommand(deps, task), parked_ms_max: deps.deployment.parked_ms_max }
    const decision = decideFinish(state, word, deps.clock.now())
    superseded = supersededBy(session, decision.writes)
    return decision
  })
  if (reported === 'ended') await removeFiles(deps, superseded)
  if (health !== undefined) deps.onHealth?.({ workspace_id: name.workspace_id, class_key: class_key ?? '', ...health })
  return reported
}

const lost = (attempt_no: number, code: string, message: string, exit_code?: number): Ending => ({
  attempt_no,
  outcome: 'error',
  error: { code, message, retryable: true },
  lost: true,
  ...(exit_code === undefined ? {} : { exit_code }),
})

/** An attempt whose runner was not heard of until its lease ran out. */
export const heartbeatLost = (attempt_no: number): Ending => lost(attempt_no, 'heartbeat_lost', 'the runner was not heard of until its lease ran out')

/** An attempt that compute never brought to life. */
export const launchTimedOut = (attempt_no: number): Ending => lost(attempt_no, 'launch_timeout', 'the sandbox did not start in time')

/**
 * What a stopped sandbox means for its attempt. A runner leaves with 0 only after the plane took its `finished`, which may
 * be on its way still: then its word decides, or its lease.
 */
const stoppedEnding = (run: Run, event: Extract<AttemptEvent, { type: 'stopped' }>): Ending | undefined => {
  const { attempt } = run
  if (!isLive(attempt) || attempt.attempt_no !== event.attempt_no) return undefined
  if (attempt.execution_id !== undefined && attempt.execution_id !== event.execution_id) return undefined
  if (attempt.status === 'running' && event.exit_code === 0) return undefined
  return { ...lost(attempt.attempt_no, 'sandbox_stopped', `the sandbox stopped: ${event.reason}`.slice(0, 2_000), event.exit_code), confirmed: true }
}

/** Applies what happened to an attempt. Late, doubled and reordered events change nothing. */
export const applyAttemptEvent = async (deps: FlowDeps, event: AttemptEvent): Promise<boolean> => {
  switch (event.type) {
    case 'finished':
      return (await finishAttempt(deps, event, (run) => (isFenced(run.attempt) ? undefined : event))) === 'ended'
    case 'stopped':
      return (await finishAttempt(deps, event, (run) => stoppedEnding(run, event))) === 'ended'
    case 'usage':
      return recordUsage(deps, event)
  }
}

const recordUsage = async (deps: FlowDeps, event: Extract<AttemptEvent, { type: 'usage' }>): Promise<boolean> =>
  settled(deps, async () => {
    const run = await deps.store.get(refs.run(event.workspace_id, event.run_id))
    if (run === undefined || run.attempt.status !== 'running' || run.attempt.attempt_no !== event.attempt_no) return decided([], [], false)
    const live_usage = laterUsage(run.live_usage, event.usage)
    return decided([{ op: 'replace_if_version', record: { ...run, live_usage } }], [], true)
  })
