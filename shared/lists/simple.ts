/** Lists of one partition each: agents, workspaces, API keys, execution instances, schedules and their ticks. */
import * as z from 'zod'
import type { Agent } from '../domain/agent.ts'
import { AgentId, ApiKeyId, ClassKey, ScheduleId, WorkspaceId } from '../domain/ids.ts'
import type { Instance } from '../domain/instance.ts'
import { ok, type Result } from '../domain/result.ts'
import type { Schedule, Tick } from '../domain/schedule.ts'
import type { ApiKey, Workspace } from '../domain/workspace.ts'
import { agentsPartition, classPartition, listPartitions, recordPartition, refOf, refs, workspaces_partition } from '../store/keys.ts'
import type { StoredRecord } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import type { Waiting } from '../views/instance-view.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { collect, merged, type Source } from './pages.ts'
import type { Listed, ListPage } from './tasks.ts'

export interface SimpleList<T> {
  readonly name: string
  readonly key: z.ZodType<string>
  readonly source: Source<T>
  readonly keyOf: (record: T) => string
  readonly keep?: (record: T) => boolean
}

/** One page of a list that is one partition. */
export const simpleList = async <T>(
  { name, key, source, keyOf, keep = () => true }: SimpleList<T>,
  { limit, cursor }: ListPage,
): Promise<Result<Listed<T>>> => {
  const position = cursor === undefined ? ok(undefined) : decodeCursor(name, key, cursor)
  if (!position.ok) return position
  const page = await collect(source, { limit, after: position.value, keep, keyOf })
  return ok({ items: page.records, ...(page.after === undefined ? {} : { next_cursor: encodeCursor(name, page.after) }) })
}

const idOf = (record: { readonly id: string }): string => record.id

/** Agents that are not deleted, newest first. */
export const listAgents = async (store: Store, ws: WorkspaceId, page: ListPage): Promise<Result<Listed<Agent>>> =>
  simpleList<Agent>(
    {
      name: 'agents',
      key: AgentId,
      source: merged(store, 'table', [agentsPartition(ws)], (record) => (record.kind === 'agent' ? record : undefined), idOf),
      keyOf: idOf,
      keep: (agent) => agent.deleted_at === undefined,
    },
    page,
  )

/** The agent that holds a key, if one does. */
export const agentByKey = async (store: Store, ws: WorkspaceId, agent_key: string): Promise<Agent | undefined> => {
  const claim = await store.get(refs.agentKey(ws, agent_key))
  const agent = claim === undefined ? undefined : await store.get(refs.agent(ws, claim.agent_id))
  return agent?.deleted_at === undefined ? agent : undefined
}

/** Newest first. */
export const listWorkspaces = async (store: Store, page: ListPage): Promise<Result<Listed<Workspace>>> =>
  simpleList<Workspace>(
    {
      name: 'workspaces',
      key: WorkspaceId,
      source: merged(store, 'table', [workspaces_partition], (record) => (record.kind === 'workspace' ? record : undefined), idOf),
      keyOf: idOf,
    },
    page,
  )

const apiKeySource = (store: Store, ws: WorkspaceId): Source<ApiKey> =>
  merged(store, 'by_state', [listPartitions.apiKeys(ws)], (record) => (record.kind === 'api_key' ? record : undefined), idOf)

/** Newest first, revoked ones too. */
export const listApiKeys = async (store: Store, ws: WorkspaceId, page: ListPage): Promise<Result<Listed<ApiKey>>> =>
  simpleList<ApiKey>({ name: 'api-keys', key: ApiKeyId, source: apiKeySource(store, ws), keyOf: idOf }, page)

/** Every key of a workspace, revoked ones too. */
export const allApiKeys = async (store: Store, ws: WorkspaceId): Promise<readonly ApiKey[]> => {
  const source = apiKeySource(store, ws)
  const keys: ApiKey[] = []
  let after: string | undefined
  do {
    const page = await source(after, 200)
    keys.push(...page.records)
    after = page.after
  } while (after !== undefined)
  return keys
}

/** In descending order of their keys, which are hashes. */
export const listInstances = async (store: Store, ws: WorkspaceId, page: ListPage): Promise<Result<Listed<Instance>>> => {
  const keyOf = (instance: Instance): string => instance.class_key
  const source = merged(store, 'by_state', [listPartitions.instances(ws)], (record) => (record.kind === 'instance' ? record : undefined), keyOf)
  return simpleList<Instance>({ name: 'instances', key: ClassKey, source, keyOf }, page)
}

const isSchedule = (record: StoredRecord): Schedule | undefined => (record.kind === 'schedule' && record.status !== 'deleted' ? record : undefined)

/** Schedules that are not deleted, newest first: all of a workspace, or those of an agent. */
export const listSchedules = async (store: Store, ws: WorkspaceId, agent_id: AgentId | undefined, page: ListPage): Promise<Result<Listed<Schedule>>> => {
  const source =
    agent_id === undefined
      ? merged(store, 'by_state', [listPartitions.schedules(ws)], isSchedule, idOf)
      : merged(store, 'by_agent', [listPartitions.schedulesByAgent(ws, agent_id)], isSchedule, idOf)
  const keep = (schedule: Schedule): boolean => agent_id === undefined || schedule.agent_id === agent_id
  return simpleList<Schedule>({ name: 'schedules', key: ScheduleId, source, keyOf: idOf, keep }, page)
}

/** The ledger of a schedule, newest tick first. */
export const listTicks = async (store: Store, ws: WorkspaceId, schedule_id: ScheduleId, page: ListPage): Promise<Result<Listed<Tick>>> => {
  const keyOf = (tick: Tick): string => refOf(tick).sk
  const source = merged(store, 'table', [recordPartition(ws, schedule_id)], (record) => (record.kind === 'tick' ? record : undefined), keyOf)
  return simpleList<Tick>({ name: 'ticks', key: z.string().regex(/^TICK#[0-9TZ:.-]{24}$/), source, keyOf }, page)
}

/** How many stand in a class's line, counted up to `max`. */
export const waitingIn = async (store: Store, ws: WorkspaceId, class_key: string, max: number): Promise<Waiting> => {
  const page = await store.range({ index: 'table', pk: classPartition(ws, class_key), from: 'LINE#', to: 'LINE#~', limit: max, consistent: false })
  return { counted: page.records.length, more: page.after !== undefined }
}
