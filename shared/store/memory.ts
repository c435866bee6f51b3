/**
 * The store in memory: for unit tests and the simulator. It keeps items as DynamoDB keeps them, and each query
 * sees all that was committed before, in an index too. Records go in as copies, and parsing
 * makes a copy of what goes out.
 */
import { checkCommit, checkRange } from './check.ts'
import { cursorOf, positionOf } from './cursor.ts'
import { anyRecordOf, itemOf, keyOfWrite, plainFields, recordOf, type Item, type Value } from './items.ts'
import { duePartition, indexes, type IndexName, type Ref } from './keys.ts'
import { orderedEntries, type Entry, type OrderedEntries } from './ordered-entries.ts'
import type { RecordKind, RecordOf, StoredRecord } from './records.ts'
import type { CommitResult, FieldCondition, RangePage, RangeQuery, Store, Write } from './store.ts'

interface Key {
  readonly pk: string
  readonly sk: string
}

const index_names = ['by_state', 'by_agent', 'by_session', 'by_label', 'due'] as const satisfies readonly IndexName[]

interface Table {
  readonly items: Map<string, Item>
  readonly order: Readonly<Record<IndexName | 'table', OrderedEntries>>
}

const addressOf = (key: Key): string => JSON.stringify([key.pk, key.sk])

/** Where an item stands: in its partition of the table and in each index whose attributes it has. */
const placesOf = (item: Item, key: Key): readonly { readonly index: IndexName | 'table'; readonly partition: string; readonly entry: Entry }[] => [
  { index: 'table', partition: key.pk, entry: { sort: key.sk, ...key } },
  ...index_names.flatMap((index) => {
    const partition = item[indexes[index].pk]
    const sort = item[indexes[index].sk]
    return typeof partition === 'string' && typeof sort === 'string' ? [{ index, partition, entry: { sort, ...key } }] : []
  }),
]

const setItem = (table: Table, key: Key, item: Item | undefined): void => {
  const address = addressOf(key)
  const before = table.items.get(address)
  if (before !== undefined) for (const { index, partition, entry } of placesOf(before, key)) table.order[index].remove(partition, entry)
  if (item === undefined) {
    table.items.delete(address)
    return
  }
  table.items.set(address, item)
  for (const { index, partition, entry } of placesOf(item, key)) table.order[index].add(partition, entry)
}

/** A value of another type than the condition's satisfies none, as in DynamoDB. */
const conditionHolds = (item: Item, { field, is, value }: FieldCondition): boolean => {
  const stored = item[field]
  if (typeof stored !== typeof value || stored === undefined || stored === null) return false
  switch (is) {
    case 'at_most':
      return stored <= value
    case 'at_least':
      return stored >= value
    case 'equals':
      return stored === value
  }
}

const holds = (item: Item | undefined, write: Write): boolean => {
  switch (write.op) {
    case 'put_if_absent':
      return item === undefined
    case 'replace_if_version':
      return item?.version === write.record.version
    case 'delete_if_version':
      return item?.version === write.version
    case 'add_within_limit':
      return item !== undefined && write.conditions.every((condition) => conditionHolds(item, condition))
  }
}

const sum = (a: Value | undefined, b: number): number => {
  if (typeof a !== 'number') throw new TypeError('a counter that is no number')
  return a + b
}

const changed = (item: Item, { change, ref }: Extract<Write, { op: 'add_within_limit' }>): Item => {
  const added = Object.fromEntries(Object.entries(change.add).map(([field, by]) => [field, sum(item[field], by)]))
  const next: Item = { ...item, ...added, ...plainFields(change.set ?? {}), version: sum(item.version, 1), due_pk: duePartition(ref.pk) }
  for (const field of change.remove ?? []) delete next[field]
  if (next.due_at === undefined) delete next.due_pk
  return next
}

/** The item after a write whose condition holds; undefined where it is deleted. */
const written = (item: Item | undefined, write: Write): Item | undefined => {
  switch (write.op) {
    case 'put_if_absent':
      return itemOf(write.record)
    case 'replace_if_version':
      return itemOf({ ...write.record, version: write.record.version + 1 })
    case 'delete_if_version':
      return undefined
    case 'add_within_limit':
      return item === undefined ? undefined : changed(item, write)
  }
}

const commit = (table: Table, writes: readonly Write[]): CommitResult => {
  checkCommit(writes)
  const all = writes.map((write) => ({ write, key: keyOfWrite(write), item: table.items.get(addressOf(keyOfWrite(write))) }))
  const next = all.map(({ write, key, item }) => ({ key, holds: holds(item, write), item: written(item, write) }))
  const conflicts = next.flatMap((each, position) => (each.holds ? [] : [position]))
  if (conflicts.length > 0) return { ok: false, conflicts }
  for (const { key, item } of next) setItem(table, key, item)
  return { ok: true }
}

/** The record of an item. */
type Read = (item: Item) => StoredRecord

const range = (table: Table, query: RangeQuery, read: Read): RangePage => {
  checkRange(query)
  const { index, pk, after, ...rest } = query
  const { entries, more } = table.order[index].page(pk, after === undefined ? rest : { ...rest, after: positionOf(index, after) })
  const records = entries.flatMap((entry) => {
    const item = table.items.get(addressOf(entry))
    return item === undefined ? [] : [read(item)]
  })
  const last = entries.at(-1)
  return more && last !== undefined ? { records, after: cursorOf(index, last.sort, last) } : { records }
}

/** An item is never changed, so its record may be kept. */
const readOnce = (): Read => {
  const records = new WeakMap<Item, StoredRecord>()
  return (item) => {
    const record = records.get(item) ?? anyRecordOf(item)
    records.set(item, record)
    return record
  }
}

const isKind = <K extends RecordKind>(kind: K, record: StoredRecord): record is RecordOf<K> & StoredRecord => record.kind === kind

/** Hears of a commit in the moment in which it goes through, so that no other comes in between. @param get reads what is stored from then on */
export type OnCommit = (writes: readonly Write[], get: <K extends RecordKind>(ref: Ref<K>) => RecordOf<K> | undefined) => void

interface MemoryOptions {
  /** Parses each version of a record once and hands out the same object again: faster, for callers that change none. */
  readonly parse_once?: boolean
  readonly onCommit?: OnCommit
}

/** An empty store. */
export const memoryStore = (options: MemoryOptions = {}): Store => {
  const read: Read = options.parse_once === true ? readOnce() : anyRecordOf
  const table: Table = {
    items: new Map(),
    order: {
      table: orderedEntries(),
      by_state: orderedEntries(),
      by_agent: orderedEntries(),
      by_session: orderedEntries(),
      by_label: orderedEntries(),
      due: orderedEntries(),
    },
  }
  const get = <K extends RecordKind>(ref: Ref<K>): RecordOf<K> | undefined => {
    const item = table.items.get(addressOf(ref))
    if (item === undefined) return undefined
    if (options.parse_once !== true) return recordOf(ref.kind, item)
    const record = read(item)
    if (!isKind(ref.kind, record)) throw new Error(`a ${record.kind} lies where a ${ref.kind} should`)
    return record
  }
  return {
    get: async (ref) => get(ref),
    getMany: async (refs) => refs.map((ref) => get(ref)),
    range: async (query) => range(table, query, read),
    commit: async (writes) => {
      const committed = commit(table, writes)
      if (committed.ok) options.onCommit?.(writes, get)
      return committed
    },
  }
}
