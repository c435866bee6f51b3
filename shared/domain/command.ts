/**
 * A command is what a client asks for. Accepted, it is stored once under its idempotency key and never changes:
 * the params, the normalized policy and the agent's config as they were at that moment.
 */
import * as z from 'zod'
import { AgentConfig } from './agent.ts'
import { AgentId, ClassKey, InputId, SessionId, TaskId, WorkspaceId } from './ids.ts'
import { Policy } from './policy.ts'
import { Timestamp } from './time.ts'

/** Trimmed; an empty string counts as absent (SPEC §3). */
export const optionalText = (max: number) =>
  z
    .string()
    .max(max)
    .transform((value) => value.trim())
    .transform((value) => (value === '' ? undefined : value))
    .optional()

const short = () => optionalText(500)

export const Routing = z.strictObject({
  to: short(),
  reply_to: short(),
  channel: short(),
  reply_channel: short(),
  account_id: short(),
  reply_account_id: short(),
  thread_id: short(),
  group_id: short(),
  group_channel: short(),
  group_space: short(),
})
export type Routing = z.infer<typeof Routing>

export const InputProvenance = z.strictObject({
  source: short(),
  message_id: short(),
  channel: short(),
  tool_call_id: short(),
  correlation_id: short(),
})

export const Attachment = z.strictObject({
  name: z.string().regex(/^(?!\.{1,2}$)[^/\\\0]{1,200}$/, { error: 'must be a file name of 1 to 200 characters without a slash' }),
  content: z.string().max(4_000_000),
  /** How `content` is written. */
  encoding: z.enum(['text', 'base64']).default('text'),
})
export type Attachment = z.infer<typeof Attachment>

export const priorities = ['low', 'normal', 'high', 'urgent'] as const
export const Priority = z.enum(priorities)
export type Priority = z.infer<typeof Priority>

export const Metadata = z
  .record(z.string().min(1).max(64), z.string().max(256))
  .refine((map) => Object.keys(map).length <= 20, { error: 'must have at most 20 keys' })

/** What is said to an agent. */
export const Message = z
  .string()
  .max(1_000_000)
  .refine((value) => value.trim() !== '', { error: 'must not be empty' })

/** AgentCommandParams as a client sends them. */
export const CommandParams = z.strictObject({
  message: Message,
  agent_id: AgentId,
  session_id: z.preprocess((value) => (typeof value === 'string' && value.trim() === '' ? undefined : value), SessionId.optional()).optional(),
  session_key: optionalText(200),
  /** The session is a new one, and begins with the transcript and the workspace that this one has saved last. */
  fork_from: z.strictObject({ session_id: SessionId }).optional(),
  hook_id: optionalText(200),
  deliver: z.boolean().optional(),
  timeout_ms: z.int().min(0).max(86_400_000).default(600_000),
  policy: Policy.default(() => Policy.parse({})),
  lane: optionalText(200),
  extra_system_prompt: optionalText(100_000),
  input_provenance: InputProvenance.optional(),
  routing: Routing.default({}),
  attachments: z.array(Attachment).max(50).default([]),
  idempotency_key: optionalText(200),
  label: optionalText(200),
  spawned_by: optionalText(200),
  priority: Priority.default('normal'),
  not_before: z.iso.datetime({ offset: true }).optional(),
  queue_timeout_ms: z.int().min(1).max(2_592_000_000).optional(),
  budget_usd: z.number().positive().max(1_000_000).optional(),
  parent_task_id: TaskId.optional(),
  metadata: Metadata.optional(),
})
export type CommandParams = z.infer<typeof CommandParams>
export type CommandParamsInput = z.input<typeof CommandParams>

/** The stored command, and at the same time the idempotency record: its key is (workspace, agent, idempotency key). */
export const Command = z.strictObject({
  kind: z.literal('command'),
  workspace_id: WorkspaceId,
  /** Hash over agent id and idempotency key. */
  command_key: z.string().regex(/^[0-9a-f]{32}$/),
  task_id: TaskId,
  /** SHA-256 over the body as it was sent, in canonical form, to tell a repeat from a different body. */
  body_hash: z.string(),
  params: CommandParams.extend({
    session_id: SessionId,
    idempotency_key: z.string(),
  }),
  /** The message and the attachments lie in the bucket under this key, because they are too large for the table. */
  overflow: z.string().optional(),
  class_key: ClassKey,
  /** It became an input of a run that its session had; `task_id` is that run's task. */
  input: z.strictObject({ id: InputId, seq: z.int().min(1) }).optional(),
  agent_config: AgentConfig,
  accepted_at: Timestamp,
  version: z.int(),
})
export type Command = z.infer<typeof Command>
