/** Small words for tests over the plane in memory. */
import { lookAtClass } from '../../shared/flows/dispatch.ts'
import { sweep } from '../../shared/flows/sweep.ts'
import { refs } from '../../shared/store/keys.ts'
import { secretOf, type Sandbox, type TestPlane } from './plane.ts'
import type { TaskId } from '../../shared/domain/ids.ts'
import type { Instance } from '../../shared/domain/instance.ts'
import type { RunnerIdentity } from '../../shared/flows/runner-identity.ts'

/** The item at a position; throws where there is none. */
export const at = <T>(list: readonly T[], index: number): T => {
  const item = list[index]
  if (item === undefined) throw new Error(`nothing at ${index}`)
  return item
}

/** A failure that may be retried. */
export const boom = { code: 'boom', message: 'x', retryable: true }

export const named = (plane: TestPlane, task: { readonly id: TaskId }) => ({ workspace_id: plane.workspace_id, task_id: task.id })

export const identity = (plane: TestPlane, sandbox: Sandbox): RunnerIdentity => ({
  workspace_id: plane.workspace_id,
  run_id: sandbox.run_id,
  attempt_no: sandbox.attempt_no,
  secret: secretOf(sandbox),
})

export const instanceOf = async (plane: TestPlane, class_key: string): Promise<Instance> => {
  const instance = await plane.deps.store.get(refs.instance(plane.workspace_id, class_key))
  if (instance === undefined) throw new Error('no instance')
  return instance
}

/** For sweeps that must not fail. */
export const rethrow = (_: unknown, cause: unknown) => {
  throw cause
}

/** One sweep, and all that it rings and that follows. */
export const sweepAndDeliver = async (plane: TestPlane): Promise<void> => {
  await sweep(plane.deps, rethrow)
  await plane.deliver()
}

/** Sweeps every minute. The classes that a sweep rings are looked at; whatever those looks ring is lost. */
export const sweepDeaf = async (plane: TestPlane, minutes: number): Promise<void> => {
  for (let minute = 0; minute < minutes; minute += 1) {
    plane.advance(60_000)
    plane.signals.splice(0)
    await sweep(plane.deps, rethrow)
    for (const signal of plane.signals.splice(0)) if (signal.kind === 'class') await lookAtClass(plane.deps, signal)
  }
}
