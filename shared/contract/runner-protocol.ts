/**
 * What the runner in a sandbox task and the control plane say to each other, under `/v1/runner/`.
 *
 * claim: the runner proves with the one-time claim token that it is the sandbox that was launched, and brings the hash of
 * the attempt token that it made itself. The plane stores only the hash; a repeat of the same claim gets the same answer.
 * All other calls carry `Authorization: Bearer <attempt token>`, which is `lkatt_<workspace>.<run>.<attempt_no>.<secret>`.
 * A call of an attempt that is no longer the run's live one is answered 409 `attempt_superseded`: the runner stops.
 */
import * as z from 'zod'
import { AgentConfig } from '../domain/agent.ts'
import { Attachment } from '../domain/command.ts'
import { LogEntry } from '../domain/event.ts'
import { AttemptId, RunId, SessionId, TaskId, WorkspaceId } from '../domain/ids.ts'
import { Policy } from '../domain/policy.ts'
import { Failure, Outcome, StopReason } from '../domain/run.ts'
import { Timestamp } from '../domain/time.ts'
import { ModelUsage } from '../domain/usage.ts'

/** The environment of the `runner` container, by name; RunTask overrides set the first two. */
export const runner_env = {
  /** `<workspace id>/<run id>/<attempt no>` */
  attempt: 'LANEKEEPER_ATTEMPT',
  claim_token: 'LANEKEEPER_CLAIM_TOKEN',
  api_url: 'LANEKEEPER_API_URL',
  /** Where to hang out a doorbell (doorbell.ts); empty or absent: nowhere. */
  doorbell_url: 'LANEKEEPER_DOORBELL',
  /** Folder of the unix sockets that join runner and agent. */
  sockets_dir: 'LANEKEEPER_SOCKETS_DIR',
} as const

/** The environment of the `agent` container, by name. */
export const agent_env = {
  /** `open`, or `closed`: then no socket can be made there but a unix one. */
  network: 'LANEKEEPER_NETWORK',
} as const

export const Claim = z.strictObject({
  workspace_id: WorkspaceId,
  run_id: RunId,
  attempt_no: z.int().min(1),
  claim_token: z.string().min(1).max(200),
  /** SHA-256 in hex of the attempt token's secret part. */
  attempt_token_hash: z.string().regex(/^[0-9a-f]{64}$/),
  execution_id: z.string().max(500).optional(),
})
export type Claim = z.infer<typeof Claim>

/** Credentials of AWS that may ask one attempt's model and nothing else. The runner holds them in memory; the agent never sees them. */
export const VendedCredentials = z.strictObject({
  region: z.string(),
  access_key_id: z.string(),
  secret_access_key: z.string(),
  session_token: z.string(),
  expires_at: Timestamp,
})
export type VendedCredentials = z.infer<typeof VendedCredentials>

export const Assignment = z.strictObject({
  workspace_id: WorkspaceId,
  task_id: TaskId,
  run_id: RunId,
  attempt_id: AttemptId,
  attempt_no: z.int(),
  fencing_token: z.int(),
  session_id: SessionId,
  agent_key: z.string(),
  agent_config: AgentConfig,
  policy: Policy,
  message: z.string(),
  extra_system_prompt: z.string().optional(),
  attachments: z.array(Attachment),
  /** How long the attempt may run from its claim, in milliseconds. */
  timeout_ms: z.int(),
  budget_usd: z.number().optional(),
  /** What earlier attempts of this run have spent on the model. */
  spent_usd: z.number(),
  /** How often to send a heartbeat, and when the lease ends without one. */
  heartbeat_ms: z.int(),
  lease_expires_at: Timestamp,
  /** The session's saved files, if it has any: URLs to GET, good for a few minutes. */
  restore: z.strictObject({ workspace_url: z.string().optional(), transcript_url: z.string().optional() }),
  /** Credentials for a model that needs them per attempt (Bedrock). An API key is in the runner's own environment. */
  model_credentials: VendedCredentials.optional(),
})
export type Assignment = z.infer<typeof Assignment>

export const Heartbeat = z.strictObject({
  usage: ModelUsage.optional(),
  /** `expires_at` of the newest model credentials that the runner holds; absent where it was given none. */
  model_credentials_expire_at: Timestamp.optional(),
})
export type Heartbeat = z.infer<typeof Heartbeat>
export const HeartbeatAnswer = z.strictObject({
  /** `stop`: end now, save the session's files and finish with outcome `cancelled`, `timeout` or `error` by the reason. */
  order: z.enum(['go_on', 'stop']),
  stop_reason: StopReason.optional(),
  heartbeat_ms: z.int(),
  lease_expires_at: Timestamp,
  /** Fresh ones, where those that the heartbeat names end soon. Use them from now on. */
  model_credentials: VendedCredentials.optional(),
})
export type HeartbeatAnswer = z.infer<typeof HeartbeatAnswer>

export const RunnerLogs = z.strictObject({ entries: z.array(LogEntry).min(1).max(500) })
export const RunnerLogsAnswer = z.strictObject({ stored: z.int() })
export type RunnerLogsAnswer = z.infer<typeof RunnerLogsAnswer>

export const RunnerEvents = z.strictObject({
  events: z
    .array(z.discriminatedUnion('type', [z.strictObject({ type: z.literal('usage'), usage: ModelUsage })]))
    .min(1)
    .max(50),
})

export const UploadRequest = z.strictObject({ kind: z.enum(['workspace', 'transcript']), bytes: z.int().min(0) })
/** PUT the bytes there with exactly this length. */
export const UploadAnswer = z.strictObject({ url: z.string() })
export type UploadAnswer = z.infer<typeof UploadAnswer>

export const Finish = z.strictObject({
  outcome: Outcome,
  exit_code: z.int().optional(),
  error: Failure.optional(),
  result: z.string().max(32_768).optional(),
  usage: ModelUsage,
  /** What was uploaded under this attempt's fencing token; becomes the session's checkpoint with the finish. */
  saved: z.strictObject({ workspace_bytes: z.int().optional(), transcript_bytes: z.int().optional() }).optional(),
})
export type Finish = z.infer<typeof Finish>
/** `recorded`: the attempt has ended in the table. Otherwise the finish is on its way: ask again until it is. */
export const FinishAnswer = z.strictObject({ recorded: z.boolean() })
export type FinishAnswer = z.infer<typeof FinishAnswer>

export const runner_routes = {
  claim: { method: 'POST', path: '/v1/runner/claim' },
  heartbeat: { method: 'POST', path: '/v1/runner/heartbeat' },
  logs: { method: 'POST', path: '/v1/runner/logs' },
  events: { method: 'POST', path: '/v1/runner/events' },
  uploads: { method: 'POST', path: '/v1/runner/uploads' },
  finish: { method: 'POST', path: '/v1/runner/finish' },
} as const
