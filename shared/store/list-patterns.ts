/** The questions that are asked of the indexes: lists, and what is due. */
import { due_shards, listPartitions } from './keys.ts'
import { all_newest_first, w, type AccessPattern } from './pattern.ts'

export const list_patterns: readonly AccessPattern[] = [
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
    asked_by: ['api', 'dispatch', 'sweep'],
    consistency: 'eventual',
    note: 'accepted and running share the partition `live`, so that a claim moves no index entry; runs of an agent or a session are found by its tasks',
  },
  {
    name: 'open approvals of a workspace',
    index: 'by_state',
    key: { pk: listPartitions.openApprovals(w), sk: all_newest_first },
    asked_by: ['api'],
    consistency: 'eventual',
    note: 'those that are resolved are found by their run',
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
    note: 'tasks, instances, sessions, shared files, schedules, gates and ceilings of all workspaces; sparse: only what waits for a time is in it',
  },
]

/** Every question that is asked of the table. */
