/** The assignment that the fake plane gives, from the few words of a test. */
import type * as z from 'zod'
import { Assignment } from '../../shared/contract/runner-protocol.ts'
import { AgentConfig } from '../../shared/domain/agent.ts'
import { Policy, type PolicyInput } from '../../shared/domain/policy.ts'
import type { FileKind } from '../../shared/ports/ports.ts'
import type { FakeConversation } from './fake-conversation.ts'

const ulid = '01J8ZQ4M2N3P4Q5R6S7T8V9WXY'
export const ids = { workspace_id: `ws_${ulid}`, task_id: `task_${ulid}`, run_id: `run_${ulid}`, attempt_id: `att_${ulid}` }
/** What a test says about the command; the rest is filled in. */
export interface FakeCommand {
  readonly message: string
  readonly config?: z.input<typeof AgentConfig>
  readonly policy?: PolicyInput
  readonly session_id?: string
  /** The session was forked from this one. */
  readonly transcript_of?: string
  readonly attachments?: Assignment['attachments']
  readonly extra_system_prompt?: string
  readonly timeout_ms?: number
  readonly budget_usd?: number
  readonly spent_usd?: number
  readonly heartbeat_ms?: number
  readonly lease_ms?: number
  readonly model_credentials?: Assignment['model_credentials']
  readonly idle_ms?: number
  readonly question_grace_ms?: number
  /** Another attempt of the run before: its turns, inputs and answers stay. */
  readonly again?: true
}

export interface FakeAssigned {
  readonly command: FakeCommand
  readonly files: ReadonlyMap<FileKind, Buffer>
  readonly url: string
  readonly talk: FakeConversation
}

export const assignmentOf = ({ command, files, url, talk }: FakeAssigned): Assignment =>
  Assignment.parse({
    ...ids,
    ...talk.assigned(),
    fencing_token: 1,
    session_id: command.session_id ?? 'session-1',
    ...(command.transcript_of === undefined ? {} : { transcript_of: command.transcript_of }),
    agent_key: 'tester',
    agent_config: AgentConfig.parse(command.config ?? {}),
    policy: Policy.parse(command.policy ?? {}),
    message: command.message,
    attachments: command.attachments ?? [],
    ...(command.extra_system_prompt === undefined ? {} : { extra_system_prompt: command.extra_system_prompt }),
    timeout_ms: command.timeout_ms ?? 60_000,
    ...(command.budget_usd === undefined ? {} : { budget_usd: command.budget_usd }),
    spent_usd: command.spent_usd ?? 0,
    heartbeat_ms: command.heartbeat_ms ?? 100,
    lease_expires_at: new Date(Date.now() + (command.lease_ms ?? 30_000)).toISOString(),
    restore: {
      ...(files.has('workspace') ? { workspace_url: `${url}/files/workspace` } : {}),
      ...(files.has('transcript') ? { transcript_url: `${url}/files/transcript` } : {}),
    },
    ...(command.model_credentials === undefined ? {} : { model_credentials: command.model_credentials }),
    ...(command.idle_ms === undefined ? {} : { idle_ms: command.idle_ms }),
    ...(command.question_grace_ms === undefined ? {} : { question_grace_ms: command.question_grace_ms }),
  })
