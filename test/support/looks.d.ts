import { type Sandbox, type TestPlane } from './plane.ts'
import type { TaskId } from '../../shared/domain/ids.ts'
import type { Instance } from '../../shared/domain/instance.ts'
import type { RunnerIdentity } from '../../shared/flows/runner.ts'
/** The item at a position; throws where there is none. */
export declare const at: <T>(list: readonly T[], index: number) => T
/** A failure that may be retried. */
export declare const boom: {
  code: string
  message: string
  retryable: boolean
}
export declare const named: (
  plane: TestPlane,
  task: {
    readonly id: TaskId
  },
) => {
  workspace_id: string & import('zod').$brand<'WorkspaceId'>
  task_id: string & import('zod').$brand<'TaskId'>
}
export declare const identity: (plane: TestPlane, sandbox: Sandbox) => RunnerIdentity
export declare const instanceOf: (plane: TestPlane, class_key: string) => Promise<Instance>
/** For sweeps that must not fail. */
export declare const rethrow: (_: unknown, cause: unknown) => never
/** One sweep, and all that it rings and that follows. */
export declare const sweepAndDeliver: (plane: TestPlane) => Promise<void>
/** Sweeps every minute. The classes that a sweep rings are looked at; whatever those looks ring is lost. */
export declare const sweepDeaf: (plane: TestPlane, minutes: number) => Promise<void>
