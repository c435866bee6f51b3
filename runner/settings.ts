/** What the runner is told by its environment. Read once, from what is passed in and never from the process. */
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import * as z from 'zod'
import { runner_env } from '../shared/contract/runner-protocol.ts'
import { RunId, WorkspaceId } from '../shared/domain/ids.ts'

/** Names beside `runner_env`. */
const names = {
  /** `container`: the agent lives in a container of its own, behind the shim. Absent: the best tier that works here. */
  sandbox: 'LANEKEEPER_SANDBOX',
  /** Where each attempt gets a folder of its own. Default: the system's temporary folder. */
  work_dir: 'LANEKEEPER_WORK_DIR',
  allow_unsandboxed: 'ALLOW_UNSANDBOXED',
  /** The agent's own time between SIGTERM and SIGKILL, in milliseconds. */
  stop_grace: 'LANEKEEPER_STOP_GRACE_MS',
  /** How often the agent asks the model again after 429, 529 and 5xx, with growing pauses, before the attempt fails. */
  model_retries: 'LANEKEEPER_MODEL_RETRIES',
  /** `anthropic` or `bedrock`. */
  model_provider: 'LANEKEEPER_MODEL_PROVIDER',
  /** Where ECS says which task this is (the ECS agent sets it). */
  ecs_metadata: 'ECS_CONTAINER_METADATA_URI_V4',
} as const

/** Empty counts as absent: CloudFormation parameters without a value arrive that way. */
const text = z.preprocess((value) => (value === '' ? undefined : value), z.string().optional())

const Environment = z.object({
  [runner_env.attempt]: z.string().regex(/^[^/]+\/[^/]+\/\d{1,6}$/),
  [runner_env.claim_token]: z.string().min(1),
  [runner_env.api_url]: z.url(),
  [runner_env.doorbell_url]: text,
  [runner_env.sockets_dir]: text,
  [names.sandbox]: z.preprocess((value) => (value === '' ? undefined : value), z.enum(['bubblewrap', 'unshare', 'none', 'container']).optional()),
  [names.work_dir]: text,
  [names.allow_unsandboxed]: text,
  [names.stop_grace]: z.preprocess((value) => (value === '' ? undefined : value), z.coerce.number().int().min(0).max(120_000).default(5_000)),
  [names.model_retries]: z.preprocess((value) => (value === '' ? undefined : value), z.coerce.number().int().min(0).max(20).default(5)),
  [names.model_provider]: z.preprocess((value) => (value === '' ? undefined : value), z.enum(['anthropic', 'bedrock']).default('anthropic')),
  [names.ecs_metadata]: text,
  ANTHROPIC_API_KEY: text,
  ANTHROPIC_AUTH_TOKEN: text,
  ANTHROPIC_BASE_URL: z.preprocess((value) => (value === '' ? undefined : value), z.url().default('https://api.anthropic.com')),
  AWS_REGION: text,
  AWS_ACCESS_KEY_ID: text,
  AWS_SECRET_ACCESS_KEY: text,
  AWS_SESSION_TOKEN: text,
  AWS_ENDPOINT_URL_BEDROCK_RUNTIME: text,
})

export type SandboxChoice = 'bubblewrap' | 'unshare' | 'none' | 'container'

export interface ModelSettings {
  readonly retries_max: number
  readonly provider: 'anthropic' | 'bedrock'
  readonly api_key?: string | undefined
  readonly auth_token?: string | undefined
  readonly base_url: string
  /** Where Bedrock is, if not where AWS says. */
  readonly bedrock_url?: string | undefined
  /** Credentials for Bedrock from the environment. Those of the assignment come first. */
  readonly bedrock?:
    | { readonly region: string; readonly access_key_id: string; readonly secret_access_key: string; readonly session_token?: string | undefined }
    | undefined
}

export interface RunnerSettings {
  readonly workspace_id: WorkspaceId
  readonly run_id: RunId
  readonly attempt_no: number
  readonly claim_token: string
  readonly api_url: string
  readonly doorbell_url: string | undefined
  readonly sandbox: SandboxChoice | undefined
  readonly allow_unsandboxed: boolean
  readonly work_dir: string
  /** Only in `container` mode: the volume that runner and agent share. */
  readonly sockets_dir: string
  readonly stop_grace_ms: number
  readonly ecs_metadata_url: string | undefined
  readonly model: ModelSettings
  /** Values that must never appear in what leaves the runner. */
  readonly secrets: readonly string[]
}

/** The settings, or what is wrong with the environment, by name and without a value. */
export const readSettings = (env: Readonly<Record<string, string | undefined>>): { ok: true; value: RunnerSettings } | { ok: false; message: string } => {
  const parsed = Environment.safeParse(env)
  if (!parsed.success) return { ok: false, message: parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ') }
  const set = parsed.data
  const [workspace, run, attempt_no] = set[runner_env.attempt].split('/')
  const workspace_id = WorkspaceId.safeParse(workspace)
  const run_id = RunId.safeParse(run)
  if (!workspace_id.success || !run_id.success) return { ok: false, message: `${runner_env.attempt}: must be <workspace id>/<run id>/<attempt no>` }
  const { AWS_REGION: region, AWS_ACCESS_KEY_ID: access_key_id, AWS_SECRET_ACCESS_KEY: secret_access_key } = set
  const value: RunnerSettings = {
    workspace_id: workspace_id.data,
    run_id: run_id.data,
    attempt_no: Number(attempt_no),
    claim_token: set[runner_env.claim_token],
    api_url: set[runner_env.api_url].replace(/\/+$/, ''),
    doorbell_url: set[runner_env.doorbell_url],
    sandbox: set[names.sandbox],
    allow_unsandboxed: set[names.allow_unsandboxed] === '1',
    work_dir: set[names.work_dir] ?? tmpdir(),
    sockets_dir: set[runner_env.sockets_dir] ?? '/run/lanekeeper',
    stop_grace_ms: set[names.stop_grace],
    ecs_metadata_url: set[names.ecs_metadata],
    model: {
      retries_max: set[names.model_retries],
      provider: set[names.model_provider],
      api_key: set.ANTHROPIC_API_KEY,
      auth_token: set.ANTHROPIC_AUTH_TOKEN,
      base_url: set.ANTHROPIC_BASE_URL,
      bedrock_url: set.AWS_ENDPOINT_URL_BEDROCK_RUNTIME,
      bedrock:
        region === undefined || access_key_id === undefined || secret_access_key === undefined
          ? undefined
          : { region, access_key_id, secret_access_key, session_token: set.AWS_SESSION_TOKEN },
    },
    secrets: [set[runner_env.claim_token], set.ANTHROPIC_API_KEY, set.ANTHROPIC_AUTH_TOKEN, set.AWS_SECRET_ACCESS_KEY, set.AWS_SESSION_TOKEN].flatMap(
      (secret) => secret ?? [],
    ),
  }
  return { ok: true, value }
}

const agent_packages = [`@anthropic-ai/claude-agent-sdk-linux-${process.arch}`, `@anthropic-ai/claude-agent-sdk-linux-${process.arch}-musl`]

/** The Claude Agent SDK's own binary for this machine; undefined where it is not installed. */
export const findAgentBinary = (): string | undefined => {
  const { resolve } = createRequire(import.meta.url)
  for (const name of agent_packages) {
    try {
      return resolve(`${name}/claude`)
    } catch {
      continue
    }
  }
  return undefined
}
