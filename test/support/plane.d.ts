/**
 * A whole plane in one process, over the memory store, for tests of flows: the clock stands still until it is told, ids count,
 * signals wait in a list until they are delivered, and sandboxes start and stop by the test's word.
 */
import { id_prefixes, WorkspaceId, type AgentId } from '../../shared/domain/ids.ts'
import { Agent, AgentConfig } from '../../shared/domain/agent.ts'
import { type CommandParamsInput } from '../../shared/domain/command.ts'
import { type AcceptResult } from '../../shared/flows/accept.ts'
import { claimAttempt } from '../../shared/flows/runner.ts'
import { Deployment } from '../../shared/settings.ts'
import type { ComputeDeps } from '../../shared/flows/flow.ts'
import type { AttemptEvent, Launch, LaunchResult, Signal } from '../../shared/ports/ports.ts'
import type { Run } from '../../shared/domain/run.ts'
import type { Task } from '../../shared/domain/task.ts'
import type { Store } from '../../shared/store/store.ts'
export interface Sandbox extends Launch {
  readonly execution_id: string
  state: 'starting' | 'running' | 'stopped'
}
export interface TestPlane {
  readonly deps: ComputeDeps
  readonly workspace_id: WorkspaceId
  readonly signals: Signal[]
  readonly sandboxes: Sandbox[]
  /** What the next launches answer; empty: they succeed. */
  readonly launch_answers: LaunchResult[]
  advance(by_ms: number): void
  makeAgent(config?: Partial<AgentConfig>): Promise<Agent>
  accept(
    params: Omit<CommandParamsInput, 'agent_id' | 'message'> & {
      agent_id: AgentId
      message?: string
    },
  ): Promise<AcceptResult>
  /** Delivers the waiting signals, and those that follow, until none is left. Task signals with a delay are dropped. */
  deliver(): Promise<void>
  task(task_id: string): Promise<Task>
  run(run_id: string): Promise<Run>
  /** Claims for a sandbox, with the secret `secret-<attempt id>`. */
  claim(sandbox: Sandbox): Promise<ReturnType<typeof claimAttempt> extends Promise<infer R> ? R : never>
  /** The runner's word, applied at once. */
  finish(
    sandbox: Sandbox,
    word?: Partial<
      Extract<
        AttemptEvent,
        {
          type: 'finished'
        }
      >
    >,
  ): Promise<boolean>
}
export declare const test_usage: {
  input_tokens: number
  output_tokens: number
  cache_read_tokens: number
  cache_write_tokens: number
  model_usd: number
}
/** Ids that count: deterministic, and sorted in the order they were made. */
export declare const countingIds: () => {
  mint: (kind: keyof typeof id_prefixes) => string
  secret: () => string
}
export declare const secretOf: (sandbox: Launch) => string
export declare const testPlane: (options?: { readonly deployment?: Partial<Deployment>; readonly store?: Store }) => TestPlane
