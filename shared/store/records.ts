/** Everything the table holds: one schema per kind of record. What is read is parsed with it. */
import type * as z from 'zod'
import { Approval, ApprovalName } from '../domain/approval.ts'
import { Ceiling, Turn } from '../domain/ceiling.ts'
import { Agent, AgentKeyClaim } from '../domain/agent.ts'
import { Command } from '../domain/command.ts'
import { LogChunk, RunEvent } from '../domain/event.ts'
import { Gate, KilledAttempt } from '../domain/gate.ts'
import { Instance, Place } from '../domain/instance.ts'
import { Input, InputName } from '../domain/input.ts'
import { AttemptRecord, Run } from '../domain/run.ts'
import { Schedule, Tick } from '../domain/schedule.ts'
import { Session } from '../domain/session.ts'
import { SharedFile } from '../domain/shared-file.ts'
import { Task } from '../domain/task.ts'
import { ApiKey, ApiKeyName, Workspace } from '../domain/workspace.ts'

export const record_schemas = {
  agent: Agent,
  agent_key: AgentKeyClaim,
  command: Command,
  task: Task,
  place: Place,
  instance: Instance,
  session: Session,
  shared_file: SharedFile,
  run: Run,
  attempt: AttemptRecord,
  event: RunEvent,
  input: Input,
  input_name: InputName,
  approval: Approval,
  approval_name: ApprovalName,
  log: LogChunk,
  workspace: Workspace,
  api_key: ApiKey,
  api_key_name: ApiKeyName,
  schedule: Schedule,
  tick: Tick,
  gate: Gate,
  killed_attempt: KilledAttempt,
  ceiling: Ceiling,
  turn: Turn,
} as const

export type RecordKind = keyof typeof record_schemas
export type RecordOf<K extends RecordKind> = z.infer<(typeof record_schemas)[K]>
export type StoredRecord = { [K in RecordKind]: RecordOf<K> }[RecordKind]
