/**
 * The ports of the handlers. Handlers are bound once, as in a Lambda process; which simulated deployment and which invocation a
 * call belongs to is known by the asynchronous context that it comes from.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { ComputeDeps, LookDeps } from '../../shared/flows/flow.ts'
import { createRunMemory, type RunMemory } from '../../shared/flows/run-memory.ts'
import type { Launch, LaunchResult, Signal } from '../../shared/ports/ports.ts'
import { refOf, type Ref } from '../../shared/store/keys.ts'
import { millis } from '../../shared/domain/time.ts'
import type { StoredRecord } from '../../shared/store/records.ts'
import type { RangePage, RangeQuery, Write } from '../../shared/store/store.ts'
import { setEntry } from './alarms.ts'
import { removalWrongs } from './checks/shared-files.ts'
import { settings } from './settings.ts'
import type { Flow, World } from './world.ts'

const flows = new AsyncLocalStorage<Flow>()

/** Runs a handler's work as this invocation. */
export const runAs = <T>(flow: Flow, work: () => Promise<T>): Promise<T> => flows.run(flow, work)

const current = (): Flow => {
  const flow = flows.getStore()
  if (flow === undefined) throw new Error('a port was called outside any invocation')
  return flow
}

/** What the next release writes in addition. */
const withNewField = (write: Write): Write => {
  if (!('record' in write) || write.record.kind !== 'task') return write
  const record: StoredRecord & { readonly from_next_release: boolean } = { ...write.record, from_next_release: true }
  return { ...write, record }
}

/** What the pages of each world's indexes have held, by partition. */
const held = new WeakMap<World, Map<string, readonly Ref[]>>()

/** One that a page has held before, and that has left the index since. A record of an index is read from the table, so it is current. */
const hasLeft = async ({ world }: Flow, { index, pk, limit }: RangeQuery, page: RangePage): Promise<readonly StoredRecord[]> => {
  const pages = held.get(world) ?? new Map<string, readonly Ref[]>()
  held.set(world, pages)
  const before = pages.get(`${index} ${pk}`) ?? []
  const refs = page.records.map(refOf)
  pages.set(`${index} ${pk}`, refs)
  const gone = before.filter(({ pk: of, sk }) => !refs.some((ref) => ref.pk === of && ref.sk === sk))
  if (gone.length === 0 || refs.length >= limit || !world.faults.strikes('index_left_behind', 0.3)) return []
  const record = await world.journal.store.get(world.random.pick(gone))
  return record === undefined ? [] : [record]
}

/** No index lags behind its table for as long as this. */
const lag_ms_max = 30_000

/** An index may not show it yet. The one of what is due is asked again every minute, so there all is tried. */
const isYoung = (world: World, index: string, record: StoredRecord): boolean => {
  const written_at = 'updated_at' in record ? record.updated_at : 'created_at' in record ? record.created_at : undefined
  return index === 'due' || written_at === undefined || millis(written_at) > world.now_ms - lag_ms_max
}

/** A page of an index that does not know the newest commits: it lacks what has come, or holds what has left. */
const stale = async (flow: Flow, query: RangeQuery, page: RangePage): Promise<RangePage> => {
  if (query.index === 'table') return page
  const left = await hasLeft(flow, query, page)
  const { faults, random } = flow.world
  if (page.records.length === 0 || !faults.strikes('index_stale', 0.15)) return { ...page, records: [...page.records, ...left] }
  const hidden = page.records[random.int(page.records.length)]
  return { ...page, records: [...page.records.filter((record) => record !== hidden || !isYoung(flow.world, query.index, record)), ...left] }
}

const launch = (world: World, order: Launch): LaunchResult => {
  const { faults, random, sandboxes } = world
  if (faults.strikes('launch_throttled', 0.08)) return { ok: false, why: 'throttled', message: 'slow down' }
  if (faults.strikes('launch_refused', 0.02)) {
    world.refused.add(order.attempt_id)
    return { ok: false, why: 'refused', message: 'no such task definition' }
  }
  const known = sandboxes.find((sandbox) => sandbox.attempt_id === order.attempt_id)
  if (known !== undefined) return { ok: true, execution_id: known.execution_id }
  const execution_id = `arn:task/${order.attempt_id}`
  const late_ms = faults.strikes('launch_late', 0.1) ? random.int(900_000) : 0
  sandboxes.push({
    ...order,
    execution_id,
    state: 'starting',
    starts_at_ms: world.now_ms + late_ms,
    claimed: false,
    hung: false,
    zombie: false,
    turn: 1,
    open: true,
    knows_input: false,
    tools: new Map(),
    counts_turns: true,
    said: new Set(),
  })
  return { ok: true, execution_id }
}

/** From the order to stop to SIGKILL. */
const grace_ms = 30_000

/** Tells a sandbox to stop, which some ignore until they are killed. */
export const tellToStop = (world: World, execution_id: string): void => {
  const sandbox = world.sandboxes.find((one) => one.execution_id === execution_id)
  if (sandbox === undefined || sandbox.told_to_stop_at_ms !== undefined) return
  sandbox.told_to_stop_at_ms = world.now_ms
  if (world.faults.strikes('stop_ignored', 0.3)) sandbox.deaf_until_ms = world.now_ms + grace_ms
}

/** What the plane sends to a connection. */
const ringRunner = ({ faults, random, now_ms, doorbells }: World, doorbell: string): void => {
  if (faults.strikes('ring_lost', 0.3)) return
  const late_ms = faults.strikes('ring_late', 0.3) ? random.int(60_000) : 0
  doorbells.push({ doorbell, at_ms: now_ms + late_ms })
  if (faults.strikes('ring_doubled', 0.4)) doorbells.push({ doorbell, at_ms: now_ms + random.int(60_000) })
}

const ring = (world: World, signal: Signal): void => {
  const { dispatch, attempt_events, wake } = world.queues
  if (signal.kind === 'class') dispatch.send(world.now_ms, JSON.stringify(signal), `${signal.workspace_id}#${signal.class_key}`, 0)
  else if (signal.kind === 'session') dispatch.send(world.now_ms, JSON.stringify(signal), `${signal.workspace_id}#${signal.session_id}`, 0)
  else if (signal.kind === 'attempt') attempt_events.send(world.now_ms, JSON.stringify(signal.event), signal.event.run_id, 0)
  else if (signal.kind === 'ceiling') dispatch.send(world.now_ms, JSON.stringify(signal), `ceiling#${signal.owner}`, 0)
  else if (signal.kind === 'ring') ringRunner(world, signal.doorbell)
  else if (signal.kind === 'schedule')
    wake.send(world.now_ms, JSON.stringify({ workspace_id: signal.workspace_id, schedule_id: signal.schedule_id }), undefined, 0)
  else if (signal.kind === 'task')
    wake.send(world.now_ms, JSON.stringify({ workspace_id: signal.workspace_id, task_id: signal.task_id }), undefined, signal.delay_ms)
}

const store: ComputeDeps['store'] = {
  get: (ref) => {
    const { call, world } = current()
    return call('read', `get ${ref.kind}`, async () => world.journal.store.get(ref))
  },
  getMany: (refs) => {
    const { call, world } = current()
    return call('read', `get ${refs.length}`, async () => world.journal.store.getMany(refs))
  },
  range: (query) => {
    const flow = current()
    return flow.call('read', `range of ${query.index}`, async () => stale(flow, query, await flow.world.journal.store.range(query)))
  },
  commit: (writes) => {
    const flow = current()
    return flow.call('commit', 'commit', async () => {
      flow.world.committer = flow
      return flow.world.journal.store.commit(flow.is_next_release ? writes.map(withNewField) : writes)
    })
  },
}

const compute: ComputeDeps['compute'] = {
  launch: (order) => {
    const { call, world } = current()
    return call('compute', 'launch', async () => launch(world, order))
  },
  stop: (execution_id) => {
    const { call, world } = current()
    return call('compute', 'stop', async () => tellToStop(world, execution_id))
  },
  describe: (execution_ids) => {
    const { call, world } = current()
    return call('compute', 'describe', async () => execution_ids.map((id) => world.sandboxes.find((one) => one.execution_id === id)?.state ?? 'unknown'))
  },
  find: ({ run_id, attempt_no }) => {
    const { call, world } = current()
    return call('compute', 'find', async () => world.sandboxes.find((one) => one.run_id === run_id && one.attempt_no === attempt_no)?.execution_id)
  },
}

const files: ComputeDeps['files'] = {
  downloadUrl: async () => 'https://files.invalid/get',
  uploadUrl: async () => 'https://files.invalid/put',
  remove: (file) => {
    const { call, world } = current()
    return call('file', 'remove file', async () => void world.violations.push(...removalWrongs(world.journal, file)))
  },
  putText: () => current().call('file', 'put text', async () => undefined),
  getText: () => current().call('file', 'get text', async () => 'text'),
}

const alarm_clock: LookDeps['alarm_clock'] = {
  set: async ({ schedule_id, workspace_id }, { entries, gone }) => {
    const { call, world } = current()
    for (const entry of entries) await call('alarm', `set the alarm ${entry.expression}`, async () => setEntry(world, { workspace_id, schedule_id }, entry))
    for (const name of gone) await call('alarm', `take out the alarm ${name}`, async () => void world.alarms.entries.delete(name))
  },
}

/** Each world has one process for all that runners say. */
const memories = new WeakMap<World, RunMemory>()
const memory = (): RunMemory => {
  const { world } = current()
  const found = memories.get(world) ?? createRunMemory()
  memories.set(world, found)
  return found
}
const runs: RunMemory = { find: (workspace_id, run_id) => memory().find(workspace_id, run_id), keep: (names) => memory().keep(names) }

/** The dependencies of one release's handlers. */
export const depsOf = (release: keyof typeof settings): LookDeps => ({
  store,
  compute,
  alarm_clock,
  files,
  runs,
  deployment: settings[release],
  clock: { now: () => current().world.now_ms + current().skew_ms },
  ids: { mint: (kind) => current().world.ids.mint(kind), secret: () => current().world.ids.secret() },
  signals: {
    send: (signals) => {
      const { call, world } = current()
      return call('send', `send ${signals.length}`, async () => {
        for (const signal of signals) ring(world, signal)
      })
    },
  },
})

/** Something went wrong that nobody injected. */
export const reportBug = (what: string): void => void current().world.violations.push(what)
