/** Looking at a task, when a doorbell rings or its time has come. Whatever it is in, it is brought on or given its next time. */
import { decideStop } from '../domain/decide/cancel.ts'
import { decideOverdueInLine, decideWake } from '../domain/decide/look.ts'
import { decided } from '../domain/decision.ts'
import { deadlineMs } from '../domain/decide/claim.ts'
import { look_again_ms } from '../domain/due.ts'
import { isLive, type LiveAttempt, type Run } from '../domain/run.ts'
import { millis, timestamp } from '../domain/time.ts'
import { refs } from '../store/keys.ts'
import { finishAttempt, heartbeatLost, launchTimedOut } from './finish.ts'
import { sendSignals, settled, type ComputeDeps } from './flow.ts'
import { launchAll } from './launch.ts'
import { lookAtParked } from './questions.ts'
import { loadAttached, loadCommand, loadPlace, loadTargetRun } from './load.ts'
import type { Ending } from '../domain/decide/ending.ts'
import type { Command } from '../domain/command.ts'
import type { Task, TaskIn } from '../domain/task.ts'

interface TaskName {
  readonly workspace_id: string
  readonly task_id: string
}

const loadTask = async (deps: ComputeDeps, name: TaskName): Promise<Task | undefined> => deps.store.get(refs.task(name.workspace_id, name.task_id))

/** Looks at a task. Safe to repeat at any time, from anywhere. */
export const lookAtTask = async (deps: ComputeDeps, name: TaskName): Promise<void> => {
  const task = await loadTask(deps, name)
  if (task === undefined) return
  if (task.state === 'sleeping') await lookAtSleeping(deps, name)
  if (task.state === 'queued') await lookAtQueued(deps, name)
  if (task.state === 'running' || task.state === 'waiting') await lookAtRunning(deps, task)
}

const lookAtSleeping = async (deps: ComputeDeps, name: TaskName): Promise<void> =>
  settled(deps, async () => {
    const task = await loadTask(deps, name)
    return task?.state === 'sleeping' ? decideWake(task, await loadCommand(deps, task), deps.clock.now()) : decided([], [], undefined)
  })

const lookAtQueued = async (deps: ComputeDeps, name: TaskName): Promise<void> =>
  settled(deps, async () => {
    const task = await loadTask(deps, name)
    if (task?.state !== 'queued' || task.due_at === undefined || millis(task.due_at) > deps.clock.now()) return decided([], [], undefined)
    const [place, run, command, instance] = await Promise.all([
      loadPlace(deps, task),
      loadTargetRun(deps, task),
      loadCommand(deps, task),
      deps.store.get(refs.instance(task.workspace_id, task.class_key)),
    ])
    const attached = await loadAttached(deps, run)
    if (attached === undefined) return undefined
    return decideOverdueInLine({ task, place, run, command, instance, ...attached }, deps.clock.now())
  })

const lookAtRunning = async (deps: ComputeDeps, task: TaskIn<'running' | 'waiting'>): Promise<void> => {
  const run = await loadTargetRun(deps, task)
  if (run === undefined) throw new Error(`${task.id} runs, but ${task.target_run_id} is missing`)
  if (run.parked !== undefined) return lookAtParked(deps, run)
  if (!isLive(run.attempt)) return
  const command = await loadCommand(deps, task)
  const next_ms = await bringOn(deps, task, run, run.attempt, command)
  if (next_ms === undefined) return
  if ((await postpone(deps, task, next_ms)) && run.attempt.status === 'stopping') {
    await sendSignals(deps, [{ kind: 'task', workspace_id: task.workspace_id, task_id: task.id, delay_ms: stopping_again_ms }])
  }
}

/** Sets the next look. @returns false where it is set to the future already: then somebody else sees to it */
const postpone = async (deps: ComputeDeps, task: TaskIn<'running' | 'waiting'>, next_ms: number): Promise<boolean> =>
  settled(deps, async () => {
    const now = await loadTask(deps, { workspace_id: task.workspace_id, task_id: task.id })
    const passed = now?.due_at === undefined || millis(now.due_at) <= deps.clock.now()
    if ((now?.state !== 'running' && now?.state !== 'waiting') || !passed) return decided([], [], false)
    return decided([{ op: 'replace_if_version', record: { ...now, due_at: timestamp(next_ms) } }], [], true)
  })

/** Brings a live attempt on by its status. @returns when to look again, undefined if it has ended */
const bringOn = async (
  deps: ComputeDeps,
  task: TaskIn<'running' | 'waiting'>,
  run: Run,
  attempt: LiveAttempt,
  command: Command,
): Promise<number | undefined> => {
  const now_ms = deps.clock.now()
  switch (attempt.status) {
    case 'pending': {
      if (millis(attempt.admitted_at) + deps.deployment.launch_timeout_ms <= now_ms) return end(deps, run, launchTimedOut(attempt.attempt_no))
      const { workspace_id, attempt_no, policy } = { workspace_id: run.workspace_id, attempt_no: attempt.attempt_no, policy: command.params.policy }
      await launchAll(deps, [{ workspace_id, run_id: run.id, attempt_no, attempt_id: attempt.id, claim_token: attempt.claim_token, policy }])
      return now_ms + look_again_ms
    }
    case 'running': {
      if (millis(attempt.lease_expires_at) <= now_ms) return end(deps, run, heartbeatLost(attempt.attempt_no))
      const deadline_ms = deadlineMs(attempt.started_at, command.params.timeout_ms, deps.deployment)
      if (deadline_ms > now_ms) return Math.min(deadline_ms, Math.max(millis(attempt.lease_expires_at), now_ms + 1_000))
      await settled(deps, async () => {
        const fresh = await deps.store.get(refs.run(run.workspace_id, run.id))
        const current = await loadTask(deps, { workspace_id: task.workspace_id, task_id: task.id })
        const runs = current?.state === 'running' || current?.state === 'waiting'
        const same = fresh?.attempt.id === attempt.id && runs && isLive(fresh.attempt)
        return same ? { ...decideStop(current, fresh, 'timeout', deps.clock.now()), value: undefined } : decided([], [], undefined)
      })
      return undefined
    }
    case 'stopping':
      return stop(deps, run, attempt)
  }
}

/** How often a sandbox that was told to stop is looked at. */
const stopping_again_ms = 5_000

/**
 * `cancelled` is final only once the sandbox is known to be gone, or its lease has run out (an agent that cannot renew stops itself).
 * With the lease over, nothing hangs on compute: it is asked to stop what may be left, and need not answer.
 */
const stop = async (deps: ComputeDeps, run: Run, attempt: Extract<LiveAttempt, { status: 'stopping' }>): Promise<number | undefined> => {
  const now_ms = deps.clock.now()
  const ending: Ending = { attempt_no: attempt.attempt_no, outcome: 'cancelled' }
  if (attempt.lease_expires_at !== undefined && millis(attempt.lease_expires_at) <= now_ms) {
    const confirmed = attempt.killed === true && (await isKnownGone(deps, run))
    await stopWhatIsLeft(deps, run)
    return end(deps, run, { ...ending, confirmed })
  }
  const execution_id = await executionOf(deps, run)
  const unclaimed = attempt.started_at === undefined
  if (execution_id === undefined) return unclaimed ? end(deps, run, ending) : now_ms + stopping_again_ms
  const [state] = await deps.compute.describe([execution_id])
  if (state === 'stopped') return end(deps, run, { ...ending, confirmed: true })
  await askToStop(deps, execution_id)
  return state === 'unknown' && unclaimed ? end(deps, run, ending) : now_ms + stopping_again_ms
}

const executionOf = async (deps: ComputeDeps, run: Run): Promise<string | undefined> =>
  run.attempt.execution_id ?? deps.compute.find({ workspace_id: run.workspace_id, run_id: run.id, attempt_no: run.attempt.attempt_no })

/** Whether compute says now that the sandbox is gone. One that does not answer has not said so. */
const isKnownGone = async (deps: ComputeDeps, run: Run): Promise<boolean> => {
  try {
    const execution_id = await executionOf(deps, run)
    return execution_id !== undefined && (await deps.compute.describe([execution_id]))[0] === 'stopped'
  } catch (cause) {
    deps.report?.('stop_failed', cause)
    return false
  }
}

/** Stops the sandbox of an attempt that is over without its word, as far as compute answers. */
const stopWhatIsLeft = async (deps: ComputeDeps, run: Run): Promise<void> => {
  try {
    const execution_id = await executionOf(deps, run)
    if (execution_id !== undefined) await deps.compute.stop(execution_id, stop_words)
  } catch (cause) {
    deps.report?.('stop_failed', cause)
  }
}

const stop_words = 'Lanekeeper: the run was told to stop'

/** Compute may not answer: then the next look asks again. */
const askToStop = async (deps: ComputeDeps, execution_id: string): Promise<void> => {
  try {
    await deps.compute.stop(execution_id, stop_words)
  } catch (cause) {
    deps.report?.('stop_failed', cause)
  }
}

/** Ends the attempt, and sees to it that nothing of it goes on. */
const end = async (deps: ComputeDeps, run: Run, ending: Ending): Promise<undefined> => {
  const ended = await finishAttempt(deps, { workspace_id: run.workspace_id, run_id: run.id }, (fresh) => (stillDue(deps, run, fresh) ? ending : undefined))
  if (ended === 'ended' && ending.lost === true) await stopWhatIsLeft(deps, run)
  return undefined
}

/**
 * The attempt is as it was when it was found wanting: a heartbeat, a claim or a cancel in between changes what is due. Another attempt than
 * the one found is not ended, because the ending has its number.
 */
const stillDue = (deps: ComputeDeps, seen: Run, { attempt }: Run): boolean => {
  if (attempt.status !== seen.attempt.status) return false
  return attempt.status !== 'running' || millis(attempt.lease_expires_at) <= deps.clock.now()
}
