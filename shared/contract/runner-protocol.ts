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
import { ApprovalId, AttemptId, InputId, RunId, SessionId, TaskId, WorkspaceId } from '../domain/ids.ts'
import { QueueMode } from '../domain/input.ts'
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

/** The answer to a question that the agent asked before it used a tool. */
export const Answer = z.strictObject({
  approval_id: ApprovalId,
  tool_use_id: z.string().max(200),
  action: z.enum(['approve', 'reject']),
  /** For the agent, if it was rejected. */
  reason: z.string().max(2_000).optional(),
})
export type Answer = z.infer<typeof Answer>

export const Assignment = z.strictObject({
  workspace_id: WorkspaceId,
  task_id: TaskId,
  run_id: RunId,
  attempt_id: AttemptId,
  attempt_no: z.int(),
  fencing_token: z.int(),
  session_id: SessionId,
  /** The session in which the agent's transcript was begun, which it is named after; absent: this one. */
  transcript_of: SessionId.optional(),
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
  /** The number of the turn that comes next: one more than the turns of this run that have ended and are saved. */
  turn: z.int().min(1).default(1),
  /**
   * What that turn is: the command's message; the inputs that wait (take them; the saved session knows the message); or going on from the
   * tools that the agent had asked about, with `answers`.
   */
  begins_with: z.enum(['message', 'inputs', 'answer']).default('message'),
  /** Some input waits to be taken. */
  inputs_wait: z.boolean().default(false),
  /** With `begins_with: answer`: to every question that was open when the attempt before this one parked. */
  answers: z.array(Answer).default([]),
  /** How long an agent with an open question keeps its sandbox, in milliseconds; then the attempt parks. */
  question_grace_ms: z.int().default(30_000),
  /** How long an interactive attempt waits for its next input before it parks, in milliseconds. */
  idle_ms: z.int().default(60_000),
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
  /** Present if some input waits to be taken. */
  inputs_wait: z.literal(true).optional(),
  /** To questions that this attempt has asked. They come again until the attempt ends: the runner knows them by their tool_use_id. */
  answers: z.array(Answer).optional(),
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

/**
 * Takes inputs that wait. `open`: the turn is going on, and takes steers and interrupts alone; else it is about to begin. Asked again,
 * it is answered the same.
 */
export const TakeInputs = z.strictObject({ turn: z.int().min(1), open: z.boolean() })
export type TakeInputs = z.infer<typeof TakeInputs>
/**
 * `turn`: these inputs, together, are the turn that begins. `steer`: into the turn that goes on; a repeat brings all steers of the turn,
 * those already known too. `interrupt`: stop the turn, end it, and begin the one that `turn` names with these. In order of `seq`.
 */
export const TakeInputsAnswer = z.strictObject({
  how: z.enum(['turn', 'steer', 'interrupt', 'nothing']),
  turn: z.int().min(1),
  inputs: z.array(z.strictObject({ id: InputId, seq: z.int().min(1), queue_mode: QueueMode, message: z.string() })),
})
export type TakeInputsAnswer = z.infer<typeof TakeInputsAnswer>

/** What was uploaded under this attempt's fencing token for a turn; becomes the session's checkpoint with the turn's end. */
export const Saved = z.strictObject({ workspace_bytes: z.int().optional(), transcript_bytes: z.int().optional() })
export type Saved = z.infer<typeof Saved>

/**
 * A turn has ended and the attempt goes on: with inputs that wait, or waiting for one (`waits`, interactive runs only). What the turn had
 * taken is consumed with this. A repeat changes nothing.
 */
export const TurnEnd = z.strictObject({
  turn: z.int().min(1),
  saved: Saved.optional(),
  result: z.string().max(32_768).optional(),
  usage: ModelUsage,
  waits: z.boolean(),
})
export type TurnEnd = z.infer<typeof TurnEnd>
export const TurnEndAnswer = z.strictObject({ inputs_wait: z.boolean() })
export type TurnEndAnswer = z.infer<typeof TurnEndAnswer>

/** The agent wants to use a tool, and a human has to allow it. The same tool_use_id again is the same question. */
export const Question = z.strictObject({
  tool_use_id: z.string().min(1).max(200),
  tool: z.string().min(1).max(200),
  /** What the tool is asked to do: JSON, redacted, cut to fit. */
  input: z.string().max(16_384),
  /** Why it is asked: which rule of the policy. */
  reason: z.string().max(500),
})
export type Question = z.infer<typeof Question>
/** `answer` once there is one; until then it comes with a heartbeat's answer. */
export const QuestionAnswer = z.strictObject({ approval_id: ApprovalId, expires_at: Timestamp, answer: Answer.optional() })
export type QuestionAnswer = z.infer<typeof QuestionAnswer>

/** `turn`: the turn that the file is of; each turn's file has a key of its own, so that none overwrites what a checkpoint names. */
export const UploadRequest = z.strictObject({ kind: z.enum(['workspace', 'transcript']), bytes: z.int().min(0), turn: z.int().min(1).optional() })
export type UploadRequest = z.infer<typeof UploadRequest>
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
  saved: Saved.optional(),
  /** The turn that ended with this, or in which the attempt ended. */
  turn: z.int().min(1).optional(),
  /**
   * With outcome `ok`: the attempt gives up its sandbox, and the run goes on in another attempt, once the question is answered or an
   * input comes. Absent: the run's work is done. While one question is open, the answers to others do not unpark it.
   */
  parks: z.enum(['question', 'input']).optional(),
})
export type Finish = z.infer<typeof Finish>
/** `recorded`: the attempt has ended in the table. Otherwise the finish is on its way: ask again until it is. */
export const FinishAnswer = z.strictObject({
  recorded: z.boolean(),
  /** Nothing was recorded: an input came before the end. End the turn (with the same `saved`), take the input and go on. */
  inputs_wait: z.literal(true).optional(),
})
export type FinishAnswer = z.infer<typeof FinishAnswer>

export const runner_routes = {
  claim: { method: 'POST', path: '/v1/runner/claim' },
  heartbeat: { method: 'POST', path: '/v1/runner/heartbeat' },
  logs: { method: 'POST', path: '/v1/runner/logs' },
  events: { method: 'POST', path: '/v1/runner/events' },
  inputs: { method: 'POST', path: '/v1/runner/inputs' },
  turns: { method: 'POST', path: '/v1/runner/turns' },
  questions: { method: 'POST', path: '/v1/runner/questions' },
  uploads: { method: 'POST', path: '/v1/runner/uploads' },
  finish: { method: 'POST', path: '/v1/runner/finish' },
} as const
