/**
 * What a deployment is: the environment of the functions, by name, and the settings in it. `infra/` sets these names,
 * `functions/` parse them, the local stack overrides template parameters and never an environment by hand.
 */
import * as z from 'zod'

/** What this deployment offers and can enforce. One JSON document in `LANEKEEPER_DEPLOYMENT`. */
export const Deployment = z.strictObject({
  runners: z
    .array(z.enum(['claude_code', 'process']))
    .min(1)
    .default(['claude_code']),
  providers: z
    .array(z.enum(['claude']))
    .min(1)
    .default(['claude']),
  runtime_types: z
    .array(z.enum(['gvisor', 'runc']))
    .min(1)
    .default(['gvisor']),
  default_model: z.string().default('claude-sonnet-5'),
  sandbox: z
    .strictObject({
      /** `network_enabled: false` can be enforced. */
      network: z.boolean(),
      /** `workspace_access` other than `rw`, and that no file outside the workspace is seen, can be enforced. */
      files: z.boolean(),
      /** What to do where something cannot be enforced. */
      hint: z.string(),
    })
    .default({ network: true, files: true, hint: '' }),
  /** Sizes that compute sells: memory in MiB by cpu in millicores. */
  sizes: z.array(z.strictObject({ cpu: z.int(), memory: z.array(z.int()).min(1) })).default([]),
  timeout_ms_max: z.int().default(14_400_000),
  /** Between two heartbeats of a quiet runner. */
  heartbeat_ms: z.int().default(10_000),
  /** A runner that is not heard of for this long has lost its session. */
  lease_ms: z.int().default(45_000),
  /** From launch to claim; longer and the launch counts as failed. */
  launch_timeout_ms: z.int().default(600_000),
  /** From the order to stop to SIGKILL. */
  stop_grace_ms: z.int().default(30_000),
  failed_attempt_threshold: z.int().default(5),
  /** How long an agent with an open question keeps its sandbox; then its run parks. */
  question_grace_ms: z.int().min(0).default(30_000),
  /** An unanswered question counts as rejected after this long. */
  question_expires_ms: z.int().min(1_000).default(3_600_000),
  /** How long an interactive run that waits for input keeps its sandbox; then it parks. */
  idle_ms: z.int().min(0).default(60_000),
  /** A parked run that no input reaches for this long is over. */
  parked_ms_max: z
    .int()
    .min(1_000)
    .default(7 * 86_400_000),
  /** How many attempts of all workspaces may be live at once; 0: as many as their classes and workspaces allow. */
  max_live_attempts: z.int().min(0).default(0),
})
export type Deployment = z.infer<typeof Deployment>

/** Environment names, for `infra/` and `functions/` alike. */
export const env_names = {
  table: 'LANEKEEPER_TABLE',
  dispatch_queue: 'LANEKEEPER_DISPATCH_QUEUE_URL',
  attempt_events_queue: 'LANEKEEPER_ATTEMPT_EVENTS_QUEUE_URL',
  wake_queue: 'LANEKEEPER_WAKE_QUEUE_URL',
  bucket: 'LANEKEEPER_BUCKET',
  /** JSON of `Deployment`. */
  deployment: 'LANEKEEPER_DEPLOYMENT',
  /** JSON of `ComputeSettings`. */
  compute: 'LANEKEEPER_COMPUTE',
  /** JSON of `AlarmClockSettings`. */
  alarm_clock: 'LANEKEEPER_ALARM_CLOCK',
  /** JSON of `TextModelSettings`. */
  text_model: 'LANEKEEPER_TEXT_MODEL',
  /** ARN of the role that may ask Bedrock; only where Bedrock serves the model. */
  model_role: 'LANEKEEPER_MODEL_ROLE_ARN',
  /** Where doorbells are rung: the management address of the WebSocket API. Absent where a function rings none. */
  doorbell: 'LANEKEEPER_DOORBELL_URL',
  /** Where events are streamed: the address of the function `stream`. */
  stream_url: 'LANEKEEPER_STREAM_URL',
} as const

/** Where and how attempts are launched. */
export const ComputeSettings = z.strictObject({
  cluster: z.string(),
  /** One task definition per `workspace_access`: the mounts differ. */
  task_definitions: z.strictObject({ none: z.string(), ro: z.string(), rw: z.string() }),
  subnets: z.array(z.string()).min(1),
  /** `open` reaches the internet, `closed` only the control API and the model. */
  security_groups: z.strictObject({ open: z.string(), closed: z.string() }),
  /** Public subnets need it to reach out; private ones with a NAT do not. */
  assign_public_ip: z.boolean(),
  api_url: z.string(),
  /** Where runners hang out their doorbells: an address of a WebSocket. Empty or absent: nowhere. */
  doorbell_url: z.string().optional(),
})
export type ComputeSettings = z.infer<typeof ComputeSettings>

/** Which model answers questions of the plane itself, and where its key is. */
export const TextModelSettings = z.strictObject({ provider: z.string(), base_url: z.string(), model: z.string(), secret_arn: z.string() })
export type TextModelSettings = z.infer<typeof TextModelSettings>

/** Where the alarms of schedules are set, and what they ring. */
export const AlarmClockSettings = z.strictObject({
  /** The schedule group that all entries are in. */
  group: z.string(),
  /** ARNs: the function that an alarm invokes, the role that it does so with, and the queue for what could not be delivered. */
  target: z.string(),
  role: z.string(),
  dead_letters: z.string(),
})
export type AlarmClockSettings = z.infer<typeof AlarmClockSettings>

/** The settings of this process, from its environment. Throws with the name of what is missing. */
export const readEnv = (env: Readonly<Record<string, string | undefined>>, name: keyof typeof env_names): string => {
  const value = env[env_names[name]]
  if (value === undefined || value === '') throw new Error(`${env_names[name]} is not set`)
  return value
}
export const readDeployment = (env: Readonly<Record<string, string | undefined>>): Deployment => Deployment.parse(JSON.parse(readEnv(env, 'deployment')))
export const readCompute = (env: Readonly<Record<string, string | undefined>>): ComputeSettings => ComputeSettings.parse(JSON.parse(readEnv(env, 'compute')))
export const readTextModel = (env: Readonly<Record<string, string | undefined>>): TextModelSettings =>
  TextModelSettings.parse(JSON.parse(readEnv(env, 'text_model')))
export const readAlarmClock = (env: Readonly<Record<string, string | undefined>>): AlarmClockSettings =>
  AlarmClockSettings.parse(JSON.parse(readEnv(env, 'alarm_clock')))
