/** Small valid records for tests, by number: task 1, run 2, class 3. */
import { Agent } from '../../shared/domain/agent.ts'
import { LogChunk, RunEvent } from '../../shared/domain/event.ts'
import { AgentId, AttemptId, ClassKey, RunId, ScheduleId, SessionId, TaskId, WorkspaceId } from '../../shared/domain/ids.ts'
import { Instance, Place } from '../../shared/domain/instance.ts'
import { Run } from '../../shared/domain/run.ts'
import { Schedule, Tick } from '../../shared/domain/schedule.ts'
import { Session } from '../../shared/domain/session.ts'
import { Task } from '../../shared/domain/task.ts'
import { timestamp } from '../../shared/domain/time.ts'
import { ApiKey, Workspace } from '../../shared/domain/workspace.ts'

const ulid = (n: number) => String(n).padStart(26, '0')
const hex = (n: number, width: number) => n.toString(16).padStart(width, '0')

/** The nth minute of a fixed day. */
export const minute = (n: number): string => timestamp(Date.UTC(2026, 10, 22, 9, n))

export const ids = {
  workspace: (n: number) => WorkspaceId.parse(`ws_${ulid(n)}`),
  agent: (n: number) => AgentId.parse(`agt_${ulid(n)}`),
  task: (n: number) => TaskId.parse(`task_${ulid(n)}`),
  run: (n: number) => RunId.parse(`run_${ulid(n)}`),
  attempt: (n: number) => AttemptId.parse(`att_${ulid(n)}`),
  schedule: (n: number) => ScheduleId.parse(`sch_${ulid(n)}`),
  session: (n: number) => SessionId.parse(`session-${n}`),
  class: (n: number) => ClassKey.parse(`execclass_${hex(n, 32)}`),
} as const

/** All records lie in this workspace. */
export const workspace_id = ids.workspace(1)
const version = 1

export const workspaceRecord = (n: number) =>
  Workspace.parse({ kind: 'workspace', id: ids.workspace(n), name: `workspace ${n}`, created_at: minute(0), version })

export const agentRecord = (n: number) =>
  Agent.parse({
    kind: 'agent',
    id: ids.agent(n),
    workspace_id,
    agent_key: `agent-${n}`,
    name: `Agent ${n}`,
    config: {},
    active: true,
    created_at: minute(0),
    updated_at: minute(0),
    version,
  })

export const taskRecord = (n: number, changes: { readonly due_at?: string; readonly label?: string; readonly session?: number } = {}) =>
  Task.parse({
    kind: 'task',
    id: ids.task(n),
    workspace_id,
    agent_id: ids.agent(1),
    session_id: ids.session(changes.session ?? 1),
    class_key: ids.class(1),
    command_key: hex(n, 32),
    priority: 'normal',
    label: changes.label,
    accepted_at: minute(0),
    updated_at: minute(0),
    due_at: changes.due_at,
    state: 'queued',
    queued_at: minute(0),
    version,
  })

export const placeRecord = (n: number, rank = 2) =>
  Place.parse({
    kind: 'place',
    line: 'class',
    workspace_id,
    class_key: ids.class(1),
    session_id: ids.session(1),
    agent_id: ids.agent(1),
    rank,
    task_id: ids.task(n),
    version,
  })

export const instanceRecord = (n: number, counts: { readonly live?: number; readonly limit?: number; readonly due_at?: string } = {}) =>
  Instance.parse({
    kind: 'instance',
    workspace_id,
    class_key: ids.class(n),
    agent_id: ids.agent(1),
    limit: counts.limit ?? 2,
    pending: counts.live ?? 0,
    running: 0,
    stopping: 0,
    live: counts.live ?? 0,
    failures: 0,
    failed_attempt_threshold: 5,
    due_at: counts.due_at,
    created_at: minute(0),
    version,
  })

export const sessionRecord = (n: number, due_at?: string) =>
  Session.parse({
    kind: 'session',
    workspace_id,
    id: ids.session(n),
    fencing_token: 0,
    waiting: false,
    due_at,
    created_at: minute(0),
    updated_at: minute(0),
    version,
  })

export const runRecord = (n: number) =>
  Run.parse({
    kind: 'run',
    id: ids.run(n),
    workspace_id,
    task_id: ids.task(n),
    agent_id: ids.agent(1),
    session_id: ids.session(1),
    class_key: ids.class(1),
    attempt: { id: ids.attempt(n), attempt_no: 1, strategy: 'primary', fencing_token: 1, admitted_at: minute(1), status: 'pending', claim_token: 'claim' },
    event_seq: 1,
    created_at: minute(0),
    updated_at: minute(0),
    status: 'accepted',
    version,
  })

export const eventRecord = (run: number, seq: number) =>
  RunEvent.parse({
    kind: 'event',
    workspace_id,
    run_id: ids.run(run),
    seq,
    event_type: 'started',
    ts: seq,
    payload: { list: [1, 'two', null, true], nested: { empty: '', text: 'é🙂' } },
    version,
  })

export const logRecord = (run: number, seq: number, data: string) =>
  LogChunk.parse({
    kind: 'log',
    workspace_id,
    run_id: ids.run(run),
    attempt_no: 1,
    seq,
    entries: [{ seq, timestamp: 1, stream: 'agent', chunk_type: 'text', data }],
    version,
  })

export const scheduleRecord = (n: number) =>
  Schedule.parse({
    kind: 'schedule',
    id: ids.schedule(n),
    workspace_id,
    agent_id: ids.agent(1),
    cron_expr: '*/5 * * * *',
    timezone: 'Europe/Berlin',
    prompt: 'look 👀',
    skill_paths: [],
    overlap: 'queue',
    catchup_window_ms: 600_000,
    alarm: { revision: 1, obsolete: [minute(1)] },
    created_by: `key_${ulid(1)}`,
    created_at: minute(0),
    updated_at: minute(0),
    status: 'active',
    next_run_at: minute(5),
    due_at: minute(6),
    version,
  })

export const tickRecord = (schedule: number, tick: number) =>
  Tick.parse({
    kind: 'tick',
    workspace_id,
    schedule_id: ids.schedule(schedule),
    tick_at: minute(tick),
    decided_at: minute(tick),
    end: { outcome: 'fired', reason: 'on_time', task_id: ids.task(tick) },
    version,
  })

export const apiKeyRecord = (n: number) =>
  ApiKey.parse({
    kind: 'api_key',
    id: `key_${ulid(n)}`,
    workspace_id,
    key_hash: hex(n, 64),
    hint: 'lk_1234',
    name: `key ${n}`,
    role: 'admin',
    created_at: minute(0),
    version,
  })
