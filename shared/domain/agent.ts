/** An agent is a profile: what runs, with which model, prompt and tools, and how many at once. */
import * as z from 'zod'
import { AgentId, WorkspaceId } from './ids.ts'
import { Timestamp } from './time.ts'

/** A name that is safe as a path segment and in a URL. */
export const AgentKey = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, {
  error: 'must be 1 to 64 of a-z 0-9 _ - and start with a letter or digit',
})

const text = (max: number) => z.string().max(max)

/** One allowed tool: a tool's name, optionally with a pattern for its input, as in `Bash(git *)`. */
export const ToolRule = z.string().regex(/^[A-Za-z_*][A-Za-z0-9_*-]*(\(.{1,500}\))?$/s, {
  error: 'must be a tool name, optionally with a pattern in parentheses: Read, mcp__github__*, Bash(git *)',
})

export const AgentConfig = z.strictObject({
  runner: z.string().max(64).default('claude_code'),
  provider: z.string().max(64).default('claude'),
  model: z.string().min(1).max(200).optional(),
  system_prompt: text(100_000).default(''),
  workspace_dir: z
    .string()
    .regex(/^\/[^\0]{0,499}$/, { error: 'must be an absolute path' })
    .optional(),
  /** Folders below the session's workspace that hold skills. */
  skills: z.array(text(500)).max(100).default([]),
  allowed_tools: z.array(ToolRule).max(200).default([]),
  concurrency: z.int().min(1).max(1_000).default(10),
  /** Runner `process`: the program and its arguments. The message arrives on its standard input. */
  command: z.array(text(4_000)).min(1).max(100).optional(),
  /** Runner `claude_code`: turns of the model after which a run ends as an error. */
  max_turns: z.int().min(1).max(1_000).optional(),
})
export type AgentConfig = z.infer<typeof AgentConfig>
/** A part of a config, for a merge key by key: nothing is filled in. */
export const AgentConfigPatch = z.strictObject({
  runner: AgentConfig.shape.runner.unwrap().optional(),
  provider: AgentConfig.shape.provider.unwrap().optional(),
  model: AgentConfig.shape.model,
  system_prompt: AgentConfig.shape.system_prompt.unwrap().optional(),
  workspace_dir: AgentConfig.shape.workspace_dir,
  skills: AgentConfig.shape.skills.unwrap().optional(),
  allowed_tools: AgentConfig.shape.allowed_tools.unwrap().optional(),
  concurrency: AgentConfig.shape.concurrency.unwrap().optional(),
  command: AgentConfig.shape.command,
  max_turns: AgentConfig.shape.max_turns,
})
export type AgentConfigPatch = z.infer<typeof AgentConfigPatch>

export const Agent = z.strictObject({
  kind: z.literal('agent'),
  id: AgentId,
  workspace_id: WorkspaceId,
  agent_key: AgentKey,
  name: z.string().min(1).max(200),
  config: AgentConfig,
  active: z.boolean(),
  /** Set when the agent was deleted. The record stays, so that past tasks can still name it. */
  deleted_at: Timestamp.optional(),
  created_at: Timestamp,
  updated_at: Timestamp,
  version: z.int(),
})
export type Agent = z.infer<typeof Agent>

/** Holds an agent key for one agent of a workspace. Deleted with the agent, so that the key can be used again. */
export const AgentKeyClaim = z.strictObject({
  kind: z.literal('agent_key'),
  workspace_id: WorkspaceId,
  agent_key: AgentKey,
  agent_id: AgentId,
  version: z.int(),
})
export type AgentKeyClaim = z.infer<typeof AgentKeyClaim>
