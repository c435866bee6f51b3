/**
 * Where each record lies. Every partition key but three begins with the workspace, so no request can reach another
 * tenant's record by key. The three: the list of workspaces, API keys, which are looked up by hash to learn the workspace, and the
 * deployment's ceiling.
 */
import type { RecordKind, StoredRecord } from './records.ts'
import { priorities, type Priority } from '../domain/command.ts'

/** Names a record: its kind and its primary key. */
export interface Ref<K extends RecordKind = RecordKind> {
  readonly kind: K
  readonly pk: string
  readonly sk: string
}

const ref = <K extends RecordKind>(kind: K, pk: string, sk: string): Ref<K> => ({ kind, pk, sk })
const digits = (value: number, width: number) => String(value).padStart(width, '0')

/** 0 urgent, 1 high, 2 normal, 3 low: the order of a line. */
export const rankOf = (priority: Priority): number => priorities.length - 1 - priorities.indexOf(priority)

export const classPartition = (ws: string, class_key: string) => `${ws}#${class_key}`
export const sessionPartition = (ws: string, session_id: string) => `${ws}#session#${session_id}`
export const logPartition = (ws: string, run_id: string, attempt_no: number) => `${ws}#log#${run_id}#${attempt_no}`
export const recordPartition = (ws: string, id: string) => `${ws}#${id}`
export const agentsPartition = (ws: string) => `${ws}#agents`
/** @param owner a workspace's id, or `deployment` */
export const ceilingPartition = (owner: string) => `${owner}#ceiling`
export const killPartition = (ws: string, killed_at: string) => `${ws}#kill#${killed_at}`
export const workspaces_partition = 'workspaces'

const placeSk = (place: { line: 'class' | 'session'; rank: number; task_id: string }) =>
  `${place.line === 'class' ? 'LINE' : 'WAIT'}#${place.rank}#${place.task_id}`

export const refs = {
  agent: (ws: string, agent_id: string) => ref('agent', agentsPartition(ws), agent_id),
  agentKey: (ws: string, agent_key: string) => ref('agent_key', `${ws}#agent-keys`, agent_key),
  command: (ws: string, command_key: string) => ref('command', `${ws}#command#${command_key}`, 'COMMAND'),
  task: (ws: string, task_id: string) => ref('task', recordPartition(ws, task_id), 'TASK'),
  place: (place: { line: 'class' | 'session'; workspace_id: string; class_key: string; session_id: string; rank: number; task_id: string }) =>
    ref(
      'place',
      place.line === 'class' ? classPartition(place.workspace_id, place.class_key) : sessionPartition(place.workspace_id, place.session_id),
      placeSk(place),
    ),
  instance: (ws: string, class_key: string) => ref('instance', classPartition(ws, class_key), 'INSTANCE'),
  session: (ws: string, session_id: string) => ref('session', sessionPartition(ws, session_id), 'LEASE'),
  sharedFile: (shared: {
    readonly workspace_id: string
    readonly session_id: string
    readonly file: string
    readonly fencing_token: number
    readonly turn?: number | undefined
  }) =>
    ref(
      'shared_file',
      sessionPartition(shared.workspace_id, shared.session_id),
      `SHARED#${digits(shared.fencing_token, 12)}#${digits(shared.turn ?? 0, 6)}#${shared.file}`,
    ),
  run: (ws: string, run_id: string) => ref('run', recordPartition(ws, run_id), 'RUN'),
  attempt: (ws: string, run_id: string, attempt_no: number) => ref('attempt', recordPartition(ws, run_id), `ATTEMPT#${digits(attempt_no, 4)}`),
  event: (ws: string, run_id: string, seq: number) => ref('event', recordPartition(ws, run_id), `EVENT#${digits(seq, 8)}`),
  input: (ws: string, task_id: string, seq: number) => ref('input', recordPartition(ws, task_id), `INPUT#${digits(seq, 8)}`),
  inputName: (ws: string, name: string) => ref('input_name', `${ws}#input#${name}`, 'NAME'),
  approval: (ws: string, run_id: string, approval_id: string) => ref('approval', recordPartition(ws, run_id), `APPROVAL#${approval_id}`),
  approvalName: (ws: string, approval_id: string) => ref('approval_name', recordPartition(ws, approval_id), 'NAME'),
  log: (ws: string, run_id: string, attempt_no: number, seq: number) => ref('log', logPartition(ws, run_id, attempt_no), digits(seq, 10)),
  workspace: (ws: string) => ref('workspace', workspaces_partition, ws),
  schedule: (ws: string, schedule_id: string) => ref('schedule', recordPartition(ws, schedule_id), 'SCHEDULE'),
  tick: (ws: string, schedule_id: string, tick_at: string) => ref('tick', recordPartition(ws, schedule_id), `TICK#${tick_at}`),
  gate: (ws: string) => ref('gate', `${ws}#gate`, 'GATE'),
  ceiling: (owner: string) => ref('ceiling', ceilingPartition(owner), 'CEILING'),
  turn: (turn: { owner: string; rank: number; workspace_id: string; class_key: string }) =>
    ref('turn', ceilingPartition(turn.owner), `TURN#${digits(turn.rank, 12)}#${turn.workspace_id}#${turn.class_key}`),
  killedAttempt: (ws: string, killed_at: string, run_id: string, attempt_no: number) =>
    ref('killed_attempt', killPartition(ws, killed_at), `${run_id}#${digits(attempt_no, 4)}`),
  apiKey: (key_hash: string) => ref('api_key', `key#${key_hash}`, 'KEY'),
  apiKeyName: (ws: string, api_key_id: string) => ref('api_key_name', `${ws}#api-key-names`, api_key_id),
} as const

/** Where a record lies. */
export const refOf = (record: StoredRecord): Ref => {
  switch (record.kind) {
    case 'agent':
      return refs.agent(record.workspace_id, record.id)
    case 'agent_key':
      return refs.agentKey(record.workspace_id, record.agent_key)
    case 'command':
      return refs.command(record.workspace_id, record.command_key)
    case 'task':
      return refs.task(record.workspace_id, record.id)
    case 'place':
      return refs.place(record)
    case 'instance':
      return refs.instance(record.workspace_id, record.class_key)
    case 'session':
      return refs.session(record.workspace_id, record.id)
    case 'shared_file':
      return refs.sharedFile(record)
    case 'run':
      return refs.run(record.workspace_id, record.id)
    case 'attempt':
      return refs.attempt(record.workspace_id, record.run_id, record.attempt.attempt_no)
    case 'event':
      return refs.event(record.workspace_id, record.run_id, record.seq)
    case 'input':
      return refs.input(record.workspace_id, record.task_id, record.seq)
    case 'input_name':
      return refs.inputName(record.workspace_id, record.name)
    case 'approval':
      return refs.approval(record.workspace_id, record.run_id, record.id)
    case 'approval_name':
      return refs.approvalName(record.workspace_id, record.id)
    case 'log':
      return refs.log(record.workspace_id, record.run_id, record.attempt_no, record.seq)
    case 'schedule':
      return refs.schedule(record.workspace_id, record.id)
    case 'tick':
      return refs.tick(record.workspace_id, record.schedule_id, record.tick_at)
    case 'workspace':
      return refs.workspace(record.id)
    case 'api_key_name':
      return refs.apiKeyName(record.workspace_id, record.id)
    case 'api_key':
      return refs.apiKey(record.key_hash)
    case 'gate':
      return refs.gate(record.workspace_id)
    case 'ceiling':
      return refs.ceiling(record.owner)
    case 'turn':
      return refs.turn(record)
    case 'killed_attempt':
      return refs.killedAttempt(record.workspace_id, record.killed_at, record.run_id, record.attempt_no)
  }
}

/** The table's global secondary indexes, all KEYS_ONLY: a list reads keys from the index and records from the table. */
export const indexes = {
  by_state: { pk: 'state_pk', sk: 'list_sk' },
  by_agent: { pk: 'agent_pk', sk: 'list_sk' },
  by_session: { pk: 'session_pk', sk: 'list_sk' },
  by_label: { pk: 'label_pk', sk: 'list_sk' },
  due: { pk: 'due_pk', sk: 'due_at' },
} as const
export type IndexName = keyof typeof indexes

/** Index attributes of a record; they are written beside it and are no part of it. */
export interface IndexKeys {
  readonly state_pk?: string
  readonly agent_pk?: string
  readonly session_pk?: string
  readonly label_pk?: string
  readonly list_sk?: string
  readonly due_pk?: string
}

const archivedSuffix = (archived: boolean) => (archived ? '#archived' : '')
export const listPartitions = {
  tasksByState: (ws: string, state: string, archived: boolean) => `${ws}#tasks#${state}${archivedSuffix(archived)}`,
  tasksByAgent: (ws: string, agent_id: string, archived: boolean) => `${ws}#${agent_id}${archivedSuffix(archived)}`,
  tasksBySession: (ws: string, session_id: string, archived: boolean) => `${ws}#session#${session_id}${archivedSuffix(archived)}`,
  tasksByLabel: (ws: string, label: string, archived: boolean) => `${ws}#label#${label}${archivedSuffix(archived)}`,
  runsByStatus: (ws: string, status: string) => `${ws}#runs#${status}`,
  openApprovals: (ws: string) => `${ws}#approvals#open`,
  instances: (ws: string) => `${ws}#instances`,
  apiKeys: (ws: string) => `${ws}#api-keys`,
  schedules: (ws: string) => `${ws}#schedules`,
  schedulesByAgent: (ws: string, agent_id: string) => `${ws}#schedules#${agent_id}`,
} as const

/** What is due is spread over this many partitions, so that no one of them grows hot. */
export const due_shards = 8
/** The due partition of a record: FNV-1a of its partition key. */
export const duePartition = (pk: string): string => {
  let hash = 2_166_136_261
  for (let i = 0; i < pk.length; i += 1) hash = Math.imul(hash ^ pk.charCodeAt(i), 16_777_619) >>> 0
  return `due#${hash % due_shards}`
}

const dueKey = (record: { due_at?: string | undefined }, pk: string): IndexKeys => (record.due_at === undefined ? {} : { due_pk: duePartition(pk) })

/** A run that is accepted or running stands in the `live` partition, so that a claim moves no index entry. */
export const runListStatus = (status: string): string => (status === 'accepted' || status === 'running' ? 'live' : status)

/** A deleted schedule is in no list. Nothing here changes with a fire, so a fire moves no entry of these indexes. */
const scheduleLists = (schedule: Extract<StoredRecord, { kind: 'schedule' }>): IndexKeys =>
  schedule.status === 'deleted'
    ? {}
    : {
        state_pk: listPartitions.schedules(schedule.workspace_id),
        agent_pk: listPartitions.schedulesByAgent(schedule.workspace_id, schedule.agent_id),
        list_sk: schedule.id,
      }

/** The index attributes of a record. */
export const indexKeysOf = (record: StoredRecord): IndexKeys => {
  switch (record.kind) {
    case 'task': {
      const archived = 'archived_at' in record && record.archived_at !== undefined
      return {
        state_pk: listPartitions.tasksByState(record.workspace_id, record.state, archived),
        agent_pk: listPartitions.tasksByAgent(record.workspace_id, record.agent_id, archived),
        session_pk: listPartitions.tasksBySession(record.workspace_id, record.session_id, archived),
        ...(record.label === undefined ? {} : { label_pk: listPartitions.tasksByLabel(record.workspace_id, record.label, archived) }),
        list_sk: record.id,
        ...dueKey(record, refOf(record).pk),
      }
    }
    case 'run':
      return { state_pk: listPartitions.runsByStatus(record.workspace_id, runListStatus(record.status)), list_sk: record.id }
    case 'instance':
      return { state_pk: listPartitions.instances(record.workspace_id), list_sk: record.class_key, ...dueKey(record, refOf(record).pk) }
    case 'session':
    case 'shared_file':
    case 'gate':
    case 'ceiling':
      return dueKey(record, refOf(record).pk)
    case 'schedule':
      return { ...scheduleLists(record), ...dueKey(record, refOf(record).pk) }
    case 'approval':
      return record.resolved === undefined ? { state_pk: listPartitions.openApprovals(record.workspace_id), list_sk: record.id } : {}
    case 'api_key':
      return { state_pk: listPartitions.apiKeys(record.workspace_id), list_sk: record.id }
    default:
      return {}
  }
}
