/**
 * Every question that is asked of the table, and every kind of record in it. docs/data-model.md is made from this file:
 * a question that is not listed here is not asked.
 */
import {
  agentsPartition,
  classPartition,
  killPartition,
  due_shards,
  listPartitions,
  logPartition,
  recordPartition,
  refs,
  sessionPartition,
  workspaces_partition,
  type IndexName,
} from './keys.ts'

export type Asker = 'api' | 'runner-api' | 'dispatch' | 'attempt-events' | 'wake' | 'sweep' | 'cron-fire'

/** A key with names in braces where values stand. `sk` is a value, a range, or all of the partition. */
export interface PatternKey {
  readonly pk: string
  readonly sk: string
}

export interface AccessPattern {
  readonly name: string
  readonly index: IndexName | 'table'
  readonly key: PatternKey
  readonly asked_by: readonly Asker[]
  /** An index is always eventually consistent; its records are then read from the table. */
  readonly consistency: 'strong' | 'eventual'
  readonly note: string
}

const w = '{workspace}'
const key = ({ pk, sk }: PatternKey): PatternKey => ({ pk, sk })
const from = (start: string) => `begins with ${start}`
const all_newest_first = 'all, newest first'

const single_records: readonly AccessPattern[] = [
  {
    name: 'agent by id',
    index: 'table',
    key: key(refs.agent(w, '{agent}')),
    asked_by: ['api', 'dispatch', 'cron-fire', 'wake', 'sweep'],
    consistency: 'strong',
    note: '',
  },
  {
    name: 'agent by its key',
    index: 'table',
    key: key(refs.agentKey(w, '{agent_key}')),
    asked_by: ['api'],
    consistency: 'strong',
    note: 'put_if_absent makes the key unique in the workspace',
  },
  {
    name: 'command by agent and idempotency key',
    index: 'table',
    key: key(refs.command(w, '{command_key}')),
    asked_by: ['api', 'dispatch', 'runner-api', 'cron-fire', 'wake', 'sweep'],
    consistency: 'strong',
    note: 'the idempotency record is the command itself; its key is a hash',
  },
  {
    name: 'task by id',
    index: 'table',
    key: key(refs.task(w, '{task}')),
    asked_by: ['api', 'runner-api', 'dispatch', 'attempt-events', 'wake', 'sweep', 'cron-fire'],
    consistency: 'strong',
    note: '',
  },
  {
    name: 'run by id',
    index: 'table',
    key: key(refs.run(w, '{run}')),
    asked_by: ['api', 'runner-api', 'dispatch', 'attempt-events', 'wake', 'sweep', 'cron-fire'],
    consistency: 'strong',
    note: 'holds its latest attempt',
  },
  {
    name: 'counters and health of a class',
    index: 'table',
    key: key(refs.instance(w, '{class}')),
    asked_by: ['api', 'runner-api', 'dispatch', 'attempt-events', 'sweep'],
    consistency: 'strong',
    note: 'changed by add_within_limit, so that attempts of one class do not fight over a version',
  },
  {
    name: 'lease of a session',
    index: 'table',
    key: key(refs.session(w, '{session}')),
    asked_by: ['api', 'runner-api', 'dispatch', 'attempt-events', 'sweep'],
    consistency: 'strong',
    note: '',
  },
  {
    name: 'place of a task',
    index: 'table',
    key: { pk: classPartition(w, '{class}'), sk: 'LINE#{rank}#{task}' },
    asked_by: ['api', 'dispatch', 'wake', 'sweep'],
    consistency: 'strong',
    note: `or {workspace}#session#{session} / WAIT#{rank}#{task}: in one of the two, as long as the task is queued`,
  },
  { name: 'API key by hash', index: 'table', key: key(refs.apiKey('{sha256}')), asked_by: ['api'], consistency: 'strong', note: 'on every request' },
  {
    name: 'gate of a workspace',
    index: 'table',
    key: key(refs.gate(w)),
    asked_by: ['api', 'dispatch', 'cron-fire', 'wake', 'sweep'],
    consistency: 'strong',
    note: 'before anything of the workspace is accepted or started: whether it was killed',
  },
  {
    name: 'schedule by id',
    index: 'table',
    key: key(refs.schedule(w, '{schedule}')),
    asked_by: ['api', 'cron-fire', 'wake', 'sweep'],
    consistency: 'strong',
    note: '',
  },
  { name: 'workspace by id', index: 'table', key: key(refs.workspace(w)), asked_by: ['api'], consistency: 'strong', note: '' },
]

/** How the sort keys of places begin, by line. */
export const lines = {
  class: refs.place({ line: 'class', workspace_id: w, class_key: '{class}', session_id: '', rank: 0, task_id: '' }).sk.slice(0, 'LINE#'.length),
  session: refs.place({ line: 'session', workspace_id: w, class_key: '', session_id: '{session}', rank: 0, task_id: '' }).sk.slice(0, 'WAIT#'.length),
}

const partitions_of_the_table: readonly AccessPattern[] = [
  { name: 'agents of a workspace', index: 'table', key: { pk: agentsPartition(w), sk: all_newest_first }, asked_by: ['api'], consistency: 'strong', note: '' },
  {
    name: 'head of the line of a class',
    index: 'table',
    key: { pk: classPartition(w, '{class}'), sk: from(lines.class) },
    asked_by: ['dispatch', 'api'],
    consistency: 'strong',
    note: 'in order of priority, then acceptance; api counts it',
  },
  {
    name: 'tasks that wait for a session',
    index: 'table',
    key: { pk: sessionPartition(w, '{session}'), sk: from(lines.session) },
    asked_by: ['dispatch', 'api'],
    consistency: 'strong',
    note: 'moved back to the lines of their classes when the session is free; api counts it, the audit looks at the head',
  },
  {
    name: 'ended attempts of a run',
    index: 'table',
    key: { pk: recordPartition(w, '{run}'), sk: from('ATTEMPT#') },
    asked_by: ['api'],
    consistency: 'strong',
    note: 'the latest attempt lies in the run',
  },
  {
    name: 'events and snapshots of a run from a cursor',
    index: 'table',
    key: { pk: recordPartition(w, '{run}'), sk: from('EVENT#') },
    asked_by: ['api'],
    consistency: 'strong',
    note: 'gapless; an event that changes the status holds the snapshot',
  },
  {
    name: 'logs of an attempt from a cursor',
    index: 'table',
    key: { pk: logPartition(w, '{run}', 1), sk: 'all, oldest first' },
    asked_by: ['api'],
    consistency: 'strong',
    note: 'the number is the attempt; a chunk is up to 64 KiB under the sequence of its first entry',
  },
  {
    name: 'attempts that a kill has stopped',
    index: 'table',
    key: { pk: killPartition(w, '{killed_at}'), sk: 'all, oldest first' },
    asked_by: ['api'],
    consistency: 'strong',
    note: 'what the answer to a kill lists',
  },
  {
    name: 'ledger of a schedule',
    index: 'table',
    key: { pk: recordPartition(w, '{schedule}'), sk: from('TICK#') },
    asked_by: ['api'],
    consistency: 'strong',
    note: 'newest tick first',
  },
  {
    name: 'workspaces',
    index: 'table',
    key: { pk: workspaces_partition, sk: all_newest_first },
    asked_by: ['api'],
    consistency: 'strong',
    note: 'role operator',
  },
]

const lists: readonly AccessPattern[] = [
  {
    name: 'tasks in a state',
    index: 'by_state',
    key: { pk: listPartitions.tasksByState(w, '{state}', false), sk: all_newest_first },
    asked_by: ['api', 'sweep'],
    consistency: 'eventual',
    note: 'a list without a filter merges the states; sweep goes on with a kill',
  },
  {
    name: 'tasks of an agent',
    index: 'by_agent',
    key: { pk: listPartitions.tasksByAgent(w, '{agent}', false), sk: all_newest_first },
    asked_by: ['api'],
    consistency: 'eventual',
    note: '',
  },
  {
    name: 'tasks of a session',
    index: 'by_session',
    key: { pk: listPartitions.tasksBySession(w, '{session}', false), sk: all_newest_first },
    asked_by: ['api'],
    consistency: 'eventual',
    note: 'oldest first for the logs of a session',
  },
  {
    name: 'tasks with a label',
    index: 'by_label',
    key: { pk: listPartitions.tasksByLabel(w, '{label}', false), sk: all_newest_first },
    asked_by: ['api'],
    consistency: 'eventual',
    note: '',
  },
  {
    name: 'archived tasks, by the same four',
    index: 'by_state',
    key: { pk: listPartitions.tasksByState(w, '{state}', true), sk: all_newest_first },
    asked_by: ['api'],
    consistency: 'eventual',
    note: 'archived tasks have partitions of their own in each of the four indexes',
  },
  {
    name: 'runs in a status',
    index: 'by_state',
    key: { pk: listPartitions.runsByStatus(w, '{status}'), sk: all_newest_first },
    asked_by: ['api'],
    consistency: 'eventual',
    note: 'accepted and running share the partition `live`, so that a claim moves no index entry; runs of an agent or a session are found by its tasks',
  },
  {
    name: 'execution instances',
    index: 'by_state',
    key: { pk: listPartitions.instances(w), sk: 'all' },
    asked_by: ['api', 'sweep'],
    consistency: 'eventual',
    note: '',
  },
  {
    name: 'API keys of a workspace',
    index: 'by_state',
    key: { pk: listPartitions.apiKeys(w), sk: all_newest_first },
    asked_by: ['api'],
    consistency: 'eventual',
    note: 'role admin',
  },
  {
    name: 'schedules of a workspace',
    index: 'by_state',
    key: { pk: listPartitions.schedules(w), sk: all_newest_first },
    asked_by: ['api'],
    consistency: 'eventual',
    note: '',
  },
  {
    name: 'schedules of an agent',
    index: 'by_agent',
    key: { pk: listPartitions.schedulesByAgent(w, '{agent}'), sk: all_newest_first },
    asked_by: ['api'],
    consistency: 'eventual',
    note: 'also asked when the agent is deleted',
  },
  {
    name: 'what is due',
    index: 'due',
    key: { pk: `due#{0 to ${due_shards - 1}}`, sk: 'due_at up to now' },
    asked_by: ['sweep'],
    consistency: 'eventual',
    note: 'tasks, instances, sessions, schedules and gates of all workspaces; sparse: only what waits for a time is in it',
  },
]

/** Every question that is asked of the table. */
export const access_patterns: readonly AccessPattern[] = [...single_records, ...partitions_of_the_table, ...lists]
