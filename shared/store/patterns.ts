/**
 * Every question that is asked of the table, and every kind of record in it. docs/data-model.md is made from this file:
 * a question that is not listed here is not asked.
 */
import {
  agentsPartition,
  ceilingPartition,
  classPartition,
  killPartition,
  logPartition,
  recordPartition,
  refs,
  sessionPartition,
  workspaces_partition,
} from './keys.ts'
import { list_patterns } from './list-patterns.ts'
import { all_newest_first, from, key, w, type AccessPattern } from './pattern.ts'

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
    asked_by: ['api', 'dispatch', 'runner-api', 'cron-fire', 'wake', 'sweep', 'stream'],
    consistency: 'strong',
    note: 'the idempotency record is the command itself; its key is a hash',
  },
  {
    name: 'task by id',
    index: 'table',
    key: key(refs.task(w, '{task}')),
    asked_by: ['api', 'runner-api', 'dispatch', 'attempt-events', 'wake', 'sweep', 'cron-fire', 'stream'],
    consistency: 'strong',
    note: '',
  },
  {
    name: 'run by id',
    index: 'table',
    key: key(refs.run(w, '{run}')),
    asked_by: ['api', 'runner-api', 'dispatch', 'attempt-events', 'wake', 'sweep', 'cron-fire', 'stream', 'doorbell'],
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
  {
    name: 'API key by id',
    index: 'table',
    key: key(refs.apiKeyName(w, '{api_key}')),
    asked_by: ['api'],
    consistency: 'strong',
    note: 'holds the hash that the key lies under',
  },
  { name: 'API key by hash', index: 'table', key: key(refs.apiKey('{sha256}')), asked_by: ['api', 'stream'], consistency: 'strong', note: 'on every request' },
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
  {
    name: 'ceiling of a workspace or of the deployment',
    index: 'table',
    key: key(refs.ceiling('{owner}')),
    asked_by: ['api', 'dispatch', 'sweep'],
    consistency: 'strong',
    note: 'only where one is set; changed by add_within_limit with each attempt that it counts',
  },
  { name: 'workspace by id', index: 'table', key: key(refs.workspace(w)), asked_by: ['api', 'stream'], consistency: 'strong', note: '' },
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
    asked_by: ['api', 'stream'],
    consistency: 'strong',
    note: 'gapless; an event that changes the status holds the snapshot',
  },
  {
    name: 'logs of an attempt from a cursor',
    index: 'table',
    key: { pk: logPartition(w, '{run}', 1), sk: 'all, oldest first' },
    asked_by: ['api', 'stream'],
    consistency: 'strong',
    note: 'the number is the attempt; a chunk is up to 64 KiB under the sequence of its first entry',
  },
  {
    name: 'head of the line of a ceiling',
    index: 'table',
    key: { pk: ceilingPartition('{owner}'), sk: from('TURN#') },
    asked_by: ['dispatch', 'sweep', 'api'],
    consistency: 'strong',
    note: 'turns of classes in order of rank; as many as may pass',
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

export const access_patterns: readonly AccessPattern[] = [...single_records, ...partitions_of_the_table, ...list_patterns]
