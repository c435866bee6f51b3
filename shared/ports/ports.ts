/**
 * What the handlers need from the world, as interfaces. Adapters for AWS lie beside this file; tests and the simulator
 * bring their own. Every port call may fail or be repeated: callers are written so that both are harmless.
 */
import type { VendedCredentials } from '../contract/runner-protocol.ts'
import type { CeilingOwner } from '../domain/ceiling.ts'
import type { IdKind, ScheduleId, WorkspaceId } from '../domain/ids.ts'
import type { Failure, Outcome } from '../domain/run.ts'
import type { ModelUsage } from '../domain/usage.ts'
import type { Policy } from '../domain/policy.ts'
import type { SavedBytes } from '../domain/session.ts'

/** The only source of time. Milliseconds since the epoch. */
export interface Clock {
  now(): number
}

/** The only source of randomness: ids that sort by time, and secrets. */
export interface Ids {
  /** `prefix_ULID`; two made by one process sort in the order they were made. Callers parse it with the kind's schema. */
  mint(kind: IdKind): string
  /** 32 random bytes, base64url. */
  secret(): string
}

/** Something to look at. A signal never says what to do: a doubled, late or lost one costs time, not correctness. */
export type Signal =
  | { readonly kind: 'class'; readonly workspace_id: string; readonly class_key: string }
  | { readonly kind: 'session'; readonly workspace_id: string; readonly session_id: string }
  /** Look at the ceiling of a workspace, or of the deployment. */
  | { readonly kind: 'ceiling'; readonly owner: CeilingOwner }
  /** Look at a task after `delay_ms` (0 to 900 000). */
  | { readonly kind: 'task'; readonly workspace_id: string; readonly task_id: string; readonly delay_ms: number }
  /** Look at a schedule. */
  | { readonly kind: 'schedule'; readonly workspace_id: WorkspaceId; readonly schedule_id: ScheduleId }
  | { readonly kind: 'attempt'; readonly event: AttemptEvent }
  /** Tell a runner to look, at once or not at all. */
  | { readonly kind: 'ring'; readonly doorbell: string }

/** What happened to an attempt, from its runner or from compute. Carried by SQS: doubled, late, reordered or lost. */
export type AttemptEvent = {
  readonly workspace_id: string
  readonly run_id: string
  readonly attempt_no: number
} & (
  | {
      readonly type: 'finished'
      readonly outcome: Outcome
      readonly exit_code?: number | undefined
      readonly error?: Failure | undefined
      readonly result?: string | undefined
      readonly usage: ModelUsage
      readonly saved?: SavedBytes | undefined
      readonly turn?: number | undefined
      readonly parks?: 'question' | 'input' | undefined
    }
  | { readonly type: 'usage'; readonly usage: ModelUsage }
  /** Compute says that the sandbox is gone. `exit_code` is the runner container's. */
  | { readonly type: 'stopped'; readonly execution_id: string; readonly exit_code?: number | undefined; readonly reason: string }
)

export interface Signals {
  /** Sends all; throws if any could not be sent. */
  send(signals: readonly Signal[]): Promise<void>
}

/** Connections on which runners are told to look. */
export interface Doorbells {
  /** Rings each. Never throws, and does not say whether anybody heard: that is what heartbeats are for. */
  ring(doorbells: readonly string[]): Promise<void>
}

/** What an attempt needs to start. */
export interface Launch {
  readonly workspace_id: string
  readonly run_id: string
  readonly attempt_no: number
  /** Makes a repeat harmless: the same id launches once. */
  readonly attempt_id: string
  readonly claim_token: string
  readonly policy: Policy
}
export type LaunchResult =
  | { readonly ok: true; readonly execution_id: string }
  /** `throttled`: try again soon. `refused`: it will not work; the message says why. */
  | { readonly ok: false; readonly why: 'throttled' | 'refused'; readonly message: string }

export type ExecutionState = 'starting' | 'running' | 'stopped' | 'unknown'

export interface Compute {
  launch(launch: Launch): Promise<LaunchResult>
  /** Asks a sandbox to stop: SIGTERM, then SIGKILL. One that is gone is no error. */
  stop(execution_id: string, reason: string): Promise<void>
  /** The state of each, in order. `unknown`: compute has no memory of it (ECS forgets after an hour). */
  describe(execution_ids: readonly string[]): Promise<readonly ExecutionState[]>
  /** The sandbox that was launched for an attempt, if any. */
  find(attempt: { readonly workspace_id: string; readonly run_id: string; readonly attempt_no: number }): Promise<string | undefined>
}

/** One entry of the alarm clock. */
export interface AlarmEntry {
  /** Unique in the deployment; begins with the schedule's id and a hyphen. */
  readonly name: string
  /** `cron(…)` or `at(…)`, as EventBridge Scheduler writes them. */
  readonly expression: string
  /** IANA name. */
  readonly timezone: string
  /** It rings once and is gone then. */
  readonly once: boolean
}
export interface AlarmEntries {
  readonly entries: readonly AlarmEntry[]
  readonly gone: readonly string[]
}
/** What rings at the ticks of schedules. It may ring late, early, twice or not at all: the table says what is due. */
export interface AlarmClock {
  /**
   * Makes or changes the entries of a schedule, and takes out those that it must not have (`gone`, by name; one that is not there is
   * gone already). Repeating it is harmless, and so is breaking off half-way and repeating it.
   */
  set(schedule: { readonly workspace_id: string; readonly schedule_id: string }, wanted: AlarmEntries): Promise<void>
}

/** Credentials for a model that is paid through the cloud's own identities (Bedrock): short-lived, and each attempt has its own. */
export interface ModelCredentials {
  /**
   * @param attempt whose they are, and the model that it may ask, as the agent's config names it
   * @param valid_ms how long they should last; the adapter may give less
   * @returns undefined where the model's name is none that credentials could be narrowed to
   */
  vend(
    attempt: { readonly workspace_id: string; readonly run_id: string; readonly attempt_no: number; readonly model: string },
    valid_ms: number,
  ): Promise<VendedCredentials | undefined>
}

export type TextAnswer =
  | { readonly ok: true; readonly text: string; /** As it names itself. */ readonly model: string }
  | { readonly ok: false; readonly why: 'not_configured' | 'unavailable'; readonly message: string }

/** A model that answers one question with text. */
export interface TextModel {
  ask(question: { readonly system: string; readonly message: string }): Promise<TextAnswer>
}

export const file_kinds = ['workspace', 'transcript'] as const
export type FileKind = (typeof file_kinds)[number]

/** A session's file, saved under an attempt's fencing token, and with a turn if its runner counts them. */
export interface SessionFile {
  readonly workspace_id: string
  readonly session_id: string
  readonly fencing_token: number
  readonly turn?: number | undefined
  readonly kind: FileKind
}

/** Session files. An upload goes under the fencing token of the attempt, so a superseded one cannot overwrite a later one's. */
export interface Files {
  downloadUrl(file: SessionFile): Promise<string>
  uploadUrl(file: SessionFile & { readonly bytes: number }): Promise<string>
  /** Removes a session's file; one that is gone is no error. */
  remove(file: SessionFile): Promise<void>
  /** Text that is too large for the table. */
  putText(key: string, text: string): Promise<void>
  getText(key: string): Promise<string | undefined>
}
