/**
 * Ids are a prefix and a ULID: unique, and sorted by the time they were made. The prefix says what an id names,
 * so that a run id given where a task id belongs is refused at the edge. Ids are minted by `ports/ids`.
 */
import * as z from 'zod'

export const id_prefixes = {
  workspace: 'ws',
  agent: 'agt',
  task: 'task',
  run: 'run',
  attempt: 'att',
  api_key: 'key',
  input: 'inp',
  approval: 'apr',
  schedule: 'sch',
} as const
export type IdKind = keyof typeof id_prefixes

const prefixed = (kind: IdKind) =>
  z.string().regex(new RegExp(`^${id_prefixes[kind]}_[0-9A-HJKMNP-TV-Z]{26}$`), {
    error: `must be ${/^[ai]/.test(kind) ? 'an' : 'a'} ${kind.replace('_', ' ')} id: ${id_prefixes[kind]}_ and 26 characters`,
  })

export const WorkspaceId = prefixed('workspace').brand<'WorkspaceId'>()
export type WorkspaceId = z.infer<typeof WorkspaceId>
export const AgentId = prefixed('agent').brand<'AgentId'>()
export type AgentId = z.infer<typeof AgentId>
export const TaskId = prefixed('task').brand<'TaskId'>()
export type TaskId = z.infer<typeof TaskId>
export const RunId = prefixed('run').brand<'RunId'>()
export type RunId = z.infer<typeof RunId>
export const AttemptId = prefixed('attempt').brand<'AttemptId'>()
export type AttemptId = z.infer<typeof AttemptId>
export const ScheduleId = prefixed('schedule').brand<'ScheduleId'>()
export type ScheduleId = z.infer<typeof ScheduleId>
export const ApiKeyId = prefixed('api_key').brand<'ApiKeyId'>()
export type ApiKeyId = z.infer<typeof ApiKeyId>

export const InputId = prefixed('input').brand<'InputId'>()
export type InputId = z.infer<typeof InputId>

export const ApprovalId = prefixed('approval').brand<'ApprovalId'>()
export type ApprovalId = z.infer<typeof ApprovalId>

/** A session is named by the client, or by the server with a ULID. */
export const SessionId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,199}$/, {
    error: 'must be 1 to 200 of A-Z a-z 0-9 . _ : @ / + = - and start with a letter or digit',
  })
  .brand<'SessionId'>()
export type SessionId = z.infer<typeof SessionId>

export const ClassKey = z
  .string()
  .regex(/^execclass_[0-9a-f]{32}$/)
  .brand<'ClassKey'>()
export type ClassKey = z.infer<typeof ClassKey>
