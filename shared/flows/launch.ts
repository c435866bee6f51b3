/** Launching admitted attempts. A repeat is harmless: compute knows an attempt by its id. */
import type { Launch } from '../ports/ports.ts'
import { millis } from '../domain/time.ts'
import { finishAttempt } from './finish.ts'
import { sendSignals, type ComputeDeps } from './flow.ts'
import { refs } from '../store/keys.ts'

/** Fargate launches 20 a second; what it throttles is tried again after this, and the longer it goes on, the later. */
const throttled_again_ms = { min: 1_000, max: 30_000 } as const

/** Half of the time that the attempt has tried already: many that are throttled together do not keep compute busy with refusing. */
const nextTryMs = (admitted_at: string, now_ms: number): number =>
  Math.min(throttled_again_ms.max, Math.max(throttled_again_ms.min, (now_ms - millis(admitted_at)) / 2))

const launchOne = async (deps: ComputeDeps, launch: Launch): Promise<void> => {
  const result = await deps.compute.launch(launch).catch((cause: unknown) => {
    deps.report?.('launch_failed', cause)
    return { ok: false, why: 'throttled', message: 'compute did not answer' } as const
  })
  if (result.ok) return
  const run = await deps.store.get(refs.run(launch.workspace_id, launch.run_id))
  if (run === undefined) throw new Error(`${launch.run_id} is missing`)
  if (result.why === 'throttled') {
    await sendSignals(deps, [
      { kind: 'task', workspace_id: run.workspace_id, task_id: run.task_id, delay_ms: nextTryMs(run.attempt.admitted_at, deps.clock.now()) },
    ])
    return
  }
  await finishAttempt(deps, { workspace_id: run.workspace_id, run_id: run.id }, () => ({
    attempt_no: launch.attempt_no,
    outcome: 'error',
    error: { code: 'launch_refused', message: result.message.slice(0, 2_000), retryable: true },
    lost: true,
  }))
}

/** Launches all; what throttles is looked at again, what is refused ends its attempt as an error. */
export const launchAll = async (deps: ComputeDeps, launches: readonly Launch[]): Promise<void> => {
  await Promise.all(launches.map((launch) => launchOne(deps, launch)))
}
