/** One suite over both stores: what it says is what callers may rely on. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { item_bytes_max, ItemTooLargeError } from '../../shared/store/items.ts'
import { classPartition, duePartition, listPartitions, recordPartition, refOf, refs } from '../../shared/store/keys.ts'
import { SessionId } from '../../shared/domain/ids.ts'
import { dynamoStore } from '../../shared/store/dynamo.ts'
import { memoryStore } from '../../shared/store/memory.ts'
import type { StoredRecord } from '../../shared/store/records.ts'
import type { Store, Write } from '../../shared/store/store.ts'
import { startDynoxide, type Dynoxide } from '../support/dynoxide.ts'
import {
  agentRecord,
  apiKeyRecord,
  eventRecord,
  ids,
  instanceRecord,
  logRecord,
  minute,
  placeRecord,
  runRecord,
  scheduleRecord,
  sessionRecord,
  taskRecord,
  tickRecord,
  workspaceRecord,
  workspace_id,
} from '../support/records.ts'

let dynoxide: Dynoxide
beforeAll(async () => {
  dynoxide = await startDynoxide()
})
afterAll(() => dynoxide.stop())

const makers: readonly { readonly name: string; readonly make: () => Promise<Store> }[] = [
  { name: 'memory', make: async () => memoryStore() },
  { name: 'dynamo', make: async () => dynamoStore({ client: dynoxide.client, table: await dynoxide.createTable() }) },
]

const put = (record: StoredRecord): Write => ({ op: 'put_if_absent', record })
const class_ref = refs.instance(workspace_id, ids.class(1))

describe.each(makers)('the $name store', ({ make }) => {
  let store: Store
  beforeEach(async () => {
    store = await make()
  })
  const putAll = async (records: readonly StoredRecord[]) => expect(await store.commit(records.map(put))).toEqual({ ok: true })

  test('what was put is read back as it was', async () => {
    const records = [
      taskRecord(1),
      runRecord(1),
      eventRecord(1, 2),
      instanceRecord(1),
      sessionRecord(1),
      placeRecord(1),
      logRecord(1, 1, 'é🙂'),
      agentRecord(1),
      workspaceRecord(1),
      apiKeyRecord(1),
      scheduleRecord(1),
      tickRecord(1, 5),
    ]
    await putAll(records)
    for (const record of records) expect(await store.get(refOf(record))).toEqual(record)
    expect(await store.get(refs.task(workspace_id, ids.task(2)))).toBeUndefined()
  })

  test('an empty commit changes nothing', async () => {
    expect(await store.commit([])).toEqual({ ok: true })
  })

  test('put_if_absent conflicts with what is there and leaves it', async () => {
    await putAll([sessionRecord(1)])
    expect(await store.commit([put(sessionRecord(1, minute(1)))])).toEqual({ ok: false, conflicts: [0] })
    expect(await store.get(refs.session(workspace_id, ids.session(1)))).toEqual(sessionRecord(1))
  })

  test('replace_if_version adds one to the version and conflicts with any other', async () => {
    await putAll([sessionRecord(1)])
    const changed = { ...sessionRecord(1), waiting: true }
    expect(await store.commit([{ op: 'replace_if_version', record: changed }])).toEqual({ ok: true })
    expect(await store.get(refs.session(workspace_id, ids.session(1)))).toEqual({ ...changed, version: 2 })
    expect(await store.commit([{ op: 'replace_if_version', record: changed }])).toEqual({ ok: false, conflicts: [0] })
    expect(await store.commit([{ op: 'replace_if_version', record: sessionRecord(2) }])).toEqual({ ok: false, conflicts: [0] })
  })

  test('delete_if_version deletes that version only', async () => {
    await putAll([placeRecord(1)])
    const ref = refOf(placeRecord(1))
    expect(await store.commit([{ op: 'delete_if_version', ref, version: 2 }])).toEqual({ ok: false, conflicts: [0] })
    expect(await store.commit([{ op: 'delete_if_version', ref, version: 1 }])).toEqual({ ok: true })
    expect(await store.get(ref)).toBeUndefined()
    expect(await store.commit([{ op: 'delete_if_version', ref, version: 1 }])).toEqual({ ok: false, conflicts: [0] })
  })

  test('a commit of several applies all or names every conflict', async () => {
    await putAll([sessionRecord(1), placeRecord(1)])
    const writes: readonly Write[] = [
      put(taskRecord(1)),
      put(sessionRecord(1)),
      { op: 'delete_if_version', ref: refOf(placeRecord(1)), version: 1 },
      { op: 'replace_if_version', record: { ...sessionRecord(2), version: 7 } },
      { op: 'add_within_limit', ref: class_ref, change: { add: { live: 1 } }, conditions: [] },
    ]
    expect(await store.commit(writes)).toEqual({ ok: false, conflicts: [1, 3, 4] })
    expect(await store.get(refs.task(workspace_id, ids.task(1)))).toBeUndefined()
    expect(await store.get(refOf(placeRecord(1)))).toEqual(placeRecord(1))
  })

  test.each<{ readonly condition: Extract<Write, { op: 'add_within_limit' }>['conditions'][number]; readonly holds: boolean }>([
    { condition: { field: 'live', is: 'at_most', value: 1 }, holds: true },
    { condition: { field: 'live', is: 'at_most', value: 0 }, holds: false },
    { condition: { field: 'limit', is: 'at_least', value: 2 }, holds: true },
    { condition: { field: 'limit', is: 'at_least', value: 3 }, holds: false },
    { condition: { field: 'pending', is: 'equals', value: 1 }, holds: true },
    { condition: { field: 'pending', is: 'equals', value: 2 }, holds: false },
    { condition: { field: 'pending', is: 'equals', value: '1' }, holds: false },
    { condition: { field: 'pending', is: 'at_most', value: '9' }, holds: false },
    { condition: { field: 'due_at', is: 'at_most', value: minute(59) }, holds: false },
  ])('add_within_limit: $condition holds: $holds', async ({ condition, holds }) => {
    await putAll([instanceRecord(1, { live: 1 })])
    const result = await store.commit([{ op: 'add_within_limit', ref: class_ref, change: { add: { live: 1, pending: 1 } }, conditions: [condition] }])
    expect(result).toEqual(holds ? { ok: true } : { ok: false, conflicts: [0] })
    expect(await store.get(class_ref)).toMatchObject(holds ? { live: 2, pending: 2, version: 2 } : { live: 1, pending: 1, version: 1 })
  })

  test('add_within_limit moves an instance in and out of the index of what is due', async () => {
    await putAll([instanceRecord(1)])
    const due = () => store.range({ index: 'due', pk: duePartition(class_ref.pk), limit: 10 })
    await store.commit([{ op: 'add_within_limit', ref: class_ref, change: { add: {}, set: { due_at: minute(3), failures: 4, limit: 0 } }, conditions: [] }])
    expect((await due()).records).toEqual([{ ...instanceRecord(1, { due_at: minute(3), limit: 0 }), failures: 4, version: 2 }])
    await store.commit([{ op: 'add_within_limit', ref: class_ref, change: { add: { live: -1 }, remove: ['due_at', 'cooldown_until'] }, conditions: [] }])
    expect((await due()).records).toEqual([])
    expect(await store.get(class_ref)).toEqual({ ...instanceRecord(1, { limit: 0 }), live: -1, failures: 4, version: 3 })
  })

  test('add_within_limit counts who shares a file, and conflicts where it is gone', async () => {
    const record: StoredRecord = {
      kind: 'shared_file',
      workspace_id,
      session_id: SessionId.parse('s'),
      file: 'workspace',
      fencing_token: 1,
      holders: 2,
      version: 1,
    }
    const ref = refs.sharedFile(record)
    const release: Write = {
      op: 'add_within_limit',
      ref,
      change: { add: { holders: -1 }, set: { due_at: minute(1) } },
      conditions: [{ field: 'holders', is: 'at_least', value: 1 }],
    }
    await putAll([record])
    for (const left of [1, 0]) {
      expect(await store.commit([release])).toEqual({ ok: true })
      expect(await store.get(ref)).toMatchObject({ holders: left, due_at: minute(1) })
    }
    expect(await store.commit([release])).toEqual({ ok: false, conflicts: [0] })
    expect((await store.range({ index: 'due', pk: duePartition(ref.pk), limit: 10 })).records).toEqual([
      { ...record, holders: 0, due_at: minute(1), version: 3 },
    ])
    expect(await store.commit([{ op: 'delete_if_version', ref, version: 3 }])).toEqual({ ok: true })
    expect(await store.commit([{ ...release, conditions: [] }])).toEqual({ ok: false, conflicts: [0] })
  })

  test('of many that add up to a limit at once, as many win as there is room', async () => {
    await putAll([instanceRecord(1, { limit: 3 })])
    const admit = (n: number) =>
      store.commit([
        put(taskRecord(n)),
        { op: 'add_within_limit', ref: class_ref, change: { add: { live: 1 } }, conditions: [{ field: 'live', is: 'at_most', value: 2 }] },
      ])
    const results = await Promise.all(Array.from({ length: 20 }, (_, n) => admit(n)))
    expect(results.filter(({ ok }) => ok)).toHaveLength(3)
    expect(await store.get(class_ref)).toMatchObject({ live: 3, version: 4 })
  })

  test('getMany answers in the order of the question, with gaps and repeats, for more than a batch', async () => {
    for (const start of [0, 80]) await putAll(Array.from({ length: 80 }, (_, n) => placeRecord(start + n)))
    const wanted = [3, 500, 3, ...Array.from({ length: 160 }, (_, n) => 159 - n)]
    const found = await store.getMany(wanted.map((n) => refOf(placeRecord(n))))
    expect(found).toEqual(wanted.map((n) => (n < 160 ? placeRecord(n) : undefined)))
    expect(await store.getMany([])).toEqual([])
  })

  test('a line is read by rank, then acceptance, and no other sort key between its bounds', async () => {
    await putAll([placeRecord(2, 2), placeRecord(1, 2), placeRecord(3, 0), placeRecord(4, 3), instanceRecord(1)])
    const line = { index: 'table', pk: classPartition(workspace_id, ids.class(1)), from: 'LINE#', to: 'LINE#~' } as const
    const order = async (query: { readonly newest_first?: boolean; readonly after?: string; readonly limit: number }) => {
      const page = await store.range({ ...line, ...query })
      return { tasks: page.records.map((record) => ('task_id' in record ? record.task_id : record.kind)), after: page.after }
    }
    expect(await order({ limit: 4 })).toEqual({ tasks: [3, 1, 2, 4].map(ids.task), after: undefined })
    const first = await order({ limit: 2 })
    expect(first).toEqual({ tasks: [3, 1].map(ids.task), after: `LINE#2#${ids.task(1)}` })
    expect(await order({ limit: 2, ...(first.after === undefined ? {} : { after: first.after }) })).toEqual({ tasks: [2, 4].map(ids.task), after: undefined })
    expect((await order({ limit: 9, newest_first: true, after: `LINE#2#${ids.task(2)}` })).tasks).toEqual([1, 3].map(ids.task))
    expect((await order({ limit: 9, after: 'LINE#2' })).tasks).toEqual([1, 2, 4].map(ids.task))
  })

  test('an index lists current records in both directions, from where a page ended', async () => {
    await putAll([1, 2, 3, 4, 5].map((n) => taskRecord(n, { label: n === 3 ? 'other' : 'one' })))
    const list = { index: 'by_label', pk: listPartitions.tasksByLabel(workspace_id, 'one', false), limit: 2 } as const
    const newest = await store.range({ ...list, newest_first: true })
    expect(newest).toEqual({ records: [taskRecord(5, { label: 'one' }), taskRecord(4, { label: 'one' })], after: ids.task(4) })
    expect(await store.range({ ...list, newest_first: true, after: ids.task(4) })).toEqual({
      records: [taskRecord(2, { label: 'one' }), taskRecord(1, { label: 'one' })],
    })
    expect((await store.range({ ...list, from: ids.task(2), to: ids.task(4) })).records).toHaveLength(2)
    expect((await store.range({ ...list, from: ids.task(4), to: ids.task(2) })).records).toEqual([])
    expect((await store.range({ ...list, after: ids.task(9) })).records).toEqual([])
  })

  test('pages of what is due neither skip nor repeat what shares a time', async () => {
    const shared = Array.from({ length: 60 }, (_, n) => taskRecord(n, { due_at: minute(n % 3) })).filter(
      (task) => duePartition(recordPartition(workspace_id, task.id)) === 'due#1',
    )
    expect(shared.length).toBeGreaterThan(4)
    await putAll(shared)
    const seen: StoredRecord[] = []
    let after: string | undefined
    do {
      const page: Awaited<ReturnType<Store['range']>> = await store.range({
        index: 'due',
        pk: 'due#1',
        to: minute(2),
        limit: 2,
        ...(after === undefined ? {} : { after }),
      })
      seen.push(...page.records)
      after = page.after
    } while (after !== undefined)
    expect(seen.map((record) => refOf(record).pk).toSorted()).toEqual(shared.map((record) => refOf(record).pk).toSorted())
    expect(seen.map((record) => ('due_at' in record ? (record.due_at ?? '') : ''))).toEqual(shared.map(({ due_at = '' }) => due_at).toSorted())
    expect((await store.range({ index: 'due', pk: 'due#1', after: minute(1), limit: 99 })).records).toHaveLength(
      shared.filter((task) => task.due_at === minute(2)).length,
    )
  })

  test('a page of large records is whole', async () => {
    for (const seq of Array.from({ length: 30 }, (_, n) => n + 1)) await putAll([logRecord(1, seq, 'x'.repeat(60_000))])
    const { records, after } = await store.range({ index: 'table', pk: refs.log(workspace_id, ids.run(1), 1, 1).pk, limit: 25 })
    expect(records).toHaveLength(25)
    expect(after).toBe('0000000025')
  })

  test('what DynamoDB cannot take is refused before anything is written', async () => {
    await putAll([instanceRecord(1)])
    const huge = { ...eventRecord(1, 2), payload: { text: 'x'.repeat(item_bytes_max) } }
    await expect(store.commit([put(taskRecord(1)), put(huge)])).rejects.toThrow(ItemTooLargeError)
    await expect(store.commit([put(taskRecord(1)), put(taskRecord(1))])).rejects.toThrow('one item twice')
    await expect(store.commit(Array.from({ length: 101 }, (_, n) => put(taskRecord(n))))).rejects.toThrow('at most 100')
    const twice = { add: { failures: 1 }, set: { failures: 0 } }
    await expect(store.commit([{ op: 'add_within_limit', ref: class_ref, change: twice, conditions: [] }])).rejects.toThrow('a field twice')
    await expect(store.range({ index: 'table', pk: class_ref.pk, limit: 0 })).rejects.toThrow('limit')
    await expect(store.range({ index: 'table', pk: class_ref.pk, after: '', limit: 1 })).rejects.toThrow('empty key')
    expect(await store.get(refs.task(workspace_id, ids.task(1)))).toBeUndefined()
  })

  test('the largest item that is let through is stored', async () => {
    const text = 'x'.repeat(item_bytes_max - 500)
    await putAll([{ ...eventRecord(1, 2), payload: { text } }])
    expect(await store.get(refs.event(workspace_id, ids.run(1), 2))).toMatchObject({ payload: { text } })
  })
})
