/** Small valid records in every state, for the unit tests of the domain. */
import { Agent, AgentConfig } from './agent.ts'
import { Command, CommandParams, type CommandParamsInput } from './command.ts'
import { AgentId, AttemptId, ClassKey, RunId, ScheduleId, SessionId, TaskId, WorkspaceId } from './ids.ts'
import { Instance, Place } from './instance.ts'
import { Attempt, Run, type RunStatus } from './run.ts'
import { Schedule, type ScheduleIn, type ScheduleStatus } from './schedule.ts'
import { Session } from './session.ts'
import { Task, type TaskState } from './task.ts'
import { millis, minute_ms, timestamp } from './time.ts'
import { no_usage } from './usage.ts'
import { Deployment } from '../settings.ts'
import type { TickSource } from './schedule-ticks.ts'
import type { RecordKind, RecordOf } from '../store/records.ts'
import type { Write } from '../store/store.ts'

const ulid = (n: number): string => String(n).padStart(26, '0')

/** All samples are of this moment. */
export const now_ms = millis('2026-11-22T09:00:00.000Z')
export const now = timestamp(now_ms)
/** A moment so many seconds from then. */
export const inSeconds = (seconds: number): string => timestamp(now_ms + seconds * 1_000)

export const workspace_id = WorkspaceId.parse(`ws_${ulid(1)}`)
export const agent_id = AgentId.parse(`agt_${ulid(1)}`)
export const session_id = SessionId.parse('s')
export const class_key = ClassKey.parse(`execclass_${'a'.repeat(32)}`)
export const taskId = (n: number) => TaskId.parse(`task_${ulid(n)}`)
export const runId = (n: number) => RunId.parse(`run_${ulid(n)}`)
export const attemptId = (n: number) => AttemptId.parse(`att_${ulid(n)}`)
/** As a runner reports it. */
export const test_usage = { input_tokens: 10, output_tokens: 5, cache_read_tokens: 0, cache_write_tokens: 0, model_usd: 0.25 }
export const some_usage = { ...no_usage, input_tokens: 10, model_usd: 0.5 }
export const boom = { code: 'boom', message: 'it broke', retryable: true }

export const deployment: Deployment = Deployment.parse({ runners: ['claude_code', 'process'] })

export const agentSample = (changes: object = {}, config: object = {}): Agent =>
  Agent.parse({
    kind: 'agent',
    id: agent_id,
    workspace_id,
    agent_key: 'helper',
    name: 'Helper',
    config: AgentConfig.parse({ concurrency: 3, ...config }),
    active: true,
    created_at: now,
    updated_at: now,
    version: 1,
    ...changes,
  })

export const paramsSample = (params: Partial<CommandParamsInput> = {}): CommandParams =>
  CommandParams.parse({ message: 'hello', agent_id, session_id, ...params })

export const commandSample = (params: Partial<CommandParamsInput> = {}): Command =>
  Command.parse({
    kind: 'command',
    workspace_id,
    command_key: 'c'.repeat(32),
    task_id: taskId(1),
    body_hash: 'h',
    params: { ...paramsSample(params), idempotency_key: 'k' },
    class_key,
    agent_config: agentSample().config,
    accepted_at: now,
    version: 1,
  })

const attempt_base = { id: attemptId(1), attempt_no: 1, strategy: 'primary', fencing_token: 1, admitted_at: now }
const claimed = { started_at: now, token_hash: 'f'.repeat(32), execution_id: 'arn:1', lease_expires_at: inSeconds(45) }

const ended = { started_at: now, token_hash: 'f'.repeat(32), ended_at: now, usage: some_usage }
const attempt_fields: Readonly<Record<Attempt['status'], object>> = {
  pending: { claim_token: 'claim' },
  running: claimed,
  stopping: { ...claimed, stop_reason: 'cancel', stop_requested_at: now },
  ok: ended,
  error: ended,
  timeout: ended,
  cancelled: ended,
}

export const attemptSample = (status: Attempt['status'], changes: object = {}): Attempt =>
  Attempt.parse({ ...attempt_base, ...attempt_fields[status], status, ...changes })

/** A run whose attempt fits its status, unless told otherwise. */
export const runSample = (status: RunStatus, attempt: Attempt = attemptSample(status === 'accepted' ? 'pending' : status), changes: object = {}): Run =>
  Run.parse({
    kind: 'run',
    id: runId(1),
    workspace_id,
    task_id: taskId(1),
    agent_id,
    session_id,
    class_key,
    attempt,
    event_seq: 2,
    created_at: now,
    updated_at: now,
    ...(status === 'accepted' || status === 'running' ? {} : { ended_at: now }),
    status,
    version: 4,
    ...changes,
  })

const live = { queued_at: now, dispatched_at: now, target_run_id: runId(1), due_at: inSeconds(60) }
const over = { target_run_id: runId(1), finished_at: now }
const task_fields: Readonly<Record<TaskState, object>> = {
  sleeping: { wake_at: inSeconds(30), due_at: inSeconds(30) },
  queued: { queued_at: now, due_at: inSeconds(60) },
  running: live,
  waiting: live,
  done: over,
  error: over,
  dropped: { ...over, dropped_reason: 'queue_timeout' },
  cancelled: over,
}

export const taskSample = <S extends TaskState>(state: S, changes: object = {}): Extract<Task, { state: S }> => {
  const task = Task.parse({
    kind: 'task',
    id: taskId(1),
    workspace_id,
    agent_id,
    session_id,
    class_key,
    command_key: 'c'.repeat(32),
    priority: 'normal',
    accepted_at: now,
    updated_at: now,
    ...task_fields[state],
    state,
    version: 7,
    ...changes,
  })
  const isIn = (one: Task): one is Extract<Task, { state: S }> => one.state === state
  if (!isIn(task)) throw new Error(`no sample of a ${state} task`)
  return task
}

export const placeSample = (changes: object = {}): Place =>
  Place.parse({ kind: 'place', line: 'class', workspace_id, class_key, session_id, agent_id, rank: 2, task_id: taskId(1), version: 7, ...changes })

export const instanceSample = (changes: object = {}): Instance =>
  Instance.parse({
    kind: 'instance',
    workspace_id,
    class_key,
    agent_id,
    limit: 3,
    pending: 0,
    running: 1,
    stopping: 0,
    live: 1,
    failures: 0,
    failed_attempt_threshold: 5,
    created_at: now,
    version: 9,
    ...changes,
  })

export const sessionSample = (changes: object = {}): Session =>
  Session.parse({ kind: 'session', workspace_id, id: session_id, fencing_token: 1, waiting: false, created_at: now, updated_at: now, version: 3, ...changes })

/** The session as attempt 1 of run 1 holds it. */
export const heldSession = (changes: object = {}): Session =>
  sessionSample({ owner: { lease_owner: `lanekeeper:${attemptId(1)}`, run_id: runId(1), attempt_id: attemptId(1) }, ...changes })

/** Ticks at every minute; the alarm clock can say that, unless told otherwise. */
export const minutely = (native: readonly string[] | undefined = ['cron(* * * * ? *)']): TickSource => {
  const after = (ref_ms: number) => (Math.floor(ref_ms / minute_ms) + 1) * minute_ms
  return {
    after,
    between: (from_ms, to_ms, count_max) =>
      Array.from({ length: count_max }, (_, position) => after(from_ms) + position * minute_ms).filter((tick_ms) => tick_ms <= to_ms),
    native,
  }
}

export const schedule_id = ScheduleId.parse(`sch_${ulid(1)}`)
const schedule_fields: Readonly<Record<ScheduleStatus, object>> = {
  active: { next_run_at: inSeconds(60), due_at: inSeconds(90) },
  paused: { paused_reason: 'by_request' },
  deleted: { deleted_at: now },
}

/** Every minute, and the alarm clock is set. */
export const scheduleSample = <S extends ScheduleStatus>(status: S, changes: object = {}): ScheduleIn<S> => {
  const schedule = Schedule.parse({
    kind: 'schedule',
    id: schedule_id,
    workspace_id,
    agent_id,
    cron_expr: '* * * * *',
    timezone: 'UTC',
    prompt: 'Look at the queue',
    skill_paths: [],
    overlap: 'queue',
    catchup_window_ms: 600_000,
    alarm: { revision: 1, set: 1, set_at: now },
    created_by: `key_${ulid(1)}`,
    created_at: now,
    updated_at: now,
    ...schedule_fields[status],
    status,
    version: 5,
    ...changes,
  })
  const isIn = (one: Schedule): one is ScheduleIn<S> => one.status === status
  if (!isIn(schedule)) throw new Error(`no sample of a schedule that is ${status}`)
  return schedule
}

/** The records of a kind that a decision stores, in order. */
export const stored = <K extends RecordKind>(decision: { readonly writes: readonly Write[] }, kind: K): readonly RecordOf<K>[] => {
  const isOfKind = (record: { readonly kind: string }): record is RecordOf<K> => record.kind === kind
  return decision.writes.flatMap((write) => ('record' in write && isOfKind(write.record) ? [write.record] : []))
}

/** What a decision changes of a class's counters. */
export const counterWrites = (decision: { readonly writes: readonly Write[] }) => decision.writes.filter((write) => write.op === 'add_within_limit')
