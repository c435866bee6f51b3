/** Generated sequences of commits and queries over a small world, so that they meet each other often. */
import * as fc from 'fast-check'
import { classPartition, due_shards, listPartitions, recordPartition, refOf, refs, sessionPartition } from '../../shared/store/keys.ts'
import type { StoredRecord } from '../../shared/store/records.ts'
import type { InstanceChange, RangeQuery, Write } from '../../shared/store/store.ts'
import { eventRecord, ids, instanceRecord, minute, placeRecord, sessionRecord, taskRecord, workspace_id } from './records.ts'

export type Step = { readonly do: 'commit'; readonly writes: readonly Write[] } | { readonly do: 'range'; readonly query: RangeQuery }

const number = fc.integer({ min: 1, max: 3 })
const due = fc.option(fc.integer({ min: 1, max: 4 }).map(minute), { nil: undefined })
const optional = <T>(key: string, value: T | undefined) => (value === undefined ? {} : { [key]: value })

const record: fc.Arbitrary<StoredRecord> = fc.oneof(
  fc
    .record({ n: fc.integer({ min: 1, max: 9 }), due_at: due, label: fc.option(fc.constantFrom('one', 'two'), { nil: undefined }), session: number })
    .map(({ n, due_at, label, session }) => taskRecord(n, { ...optional('due_at', due_at), ...optional('label', label), session })),
  fc.record({ n: number, due_at: due, live: fc.nat(2) }).map(({ n, due_at, live }) => instanceRecord(n, { ...optional('due_at', due_at), live })),
  fc.record({ n: number, due_at: due }).map(({ n, due_at }) => sessionRecord(n, due_at)),
  fc.record({ n: fc.integer({ min: 1, max: 9 }), rank: fc.nat(3) }).map(({ n, rank }) => placeRecord(n, rank)),
  fc.record({ run: number, seq: fc.integer({ min: 1, max: 9 }) }).map(({ run, seq }) => eventRecord(run, seq)),
)
const version = fc.constantFrom(1, 1, 1, 2, 3)

const by = fc.integer({ min: -1, max: 2 })
const change: fc.Arbitrary<InstanceChange> = fc
  .record({
    add: fc.record({ live: by, pending: by, running: by }, { requiredKeys: [] }),
    due: fc.constantFrom('set', 'remove', 'leave'),
    due_at: fc.integer({ min: 1, max: 4 }).map(minute),
    set: fc.record({ failures: fc.nat(5), limit: fc.nat(3), last_event_at: fc.integer({ min: 1, max: 4 }).map(minute) }, { requiredKeys: [] }),
  })
  .map(({ add, due: move, due_at, set }) => ({
    add,
    set: { ...set, ...(move === 'set' ? { due_at } : {}) },
    remove: move === 'remove' ? (['due_at', 'cooldown_until'] as const) : [],
  }))
const condition = fc.record({
  field: fc.constantFrom('live' as const, 'limit' as const, 'pending' as const, 'due_at' as const),
  is: fc.constantFrom('at_most' as const, 'at_least' as const, 'equals' as const),
  value: fc.oneof(fc.nat(3), fc.integer({ min: 1, max: 4 }).map(minute)),
})

const write: fc.Arbitrary<Write> = fc.oneof(
  { weight: 6, arbitrary: record.map((value): Write => ({ op: 'put_if_absent', record: value })) },
  { weight: 2, arbitrary: fc.tuple(record, version).map(([value, stored]): Write => ({ op: 'replace_if_version', record: { ...value, version: stored } })) },
  { weight: 1, arbitrary: fc.tuple(record, version).map(([value, stored]): Write => ({ op: 'delete_if_version', ref: refOf(value), version: stored })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(number, change, fc.array(condition, { maxLength: 2 }))
      .map(([n, what, conditions]): Write => ({ op: 'add_within_limit', ref: refs.instance(workspace_id, ids.class(n)), change: what, conditions })),
  },
)

const numbers = [1, 2, 3]
/** Every partition that a record of this world may stand in, with sort keys that occur there. */
export const partitions: readonly { readonly index: RangeQuery['index']; readonly pk: string; readonly sorts: readonly string[] }[] = [
  ...numbers.map((n) => ({
    index: 'table' as const,
    pk: classPartition(workspace_id, ids.class(n)),
    sorts: ['INSTANCE', 'LINE#', 'LINE#~', ...numbers.map((m) => `LINE#${m}#${ids.task(m)}`)],
  })),
  ...numbers.map((n) => ({ index: 'table' as const, pk: sessionPartition(workspace_id, ids.session(n)), sorts: ['LEASE'] })),
  ...numbers.map((n) => ({ index: 'table' as const, pk: recordPartition(workspace_id, ids.run(n)), sorts: ['EVENT#00000001', 'EVENT#00000005', 'EVENT#~'] })),
  ...Array.from({ length: 9 }, (_, n) => ({ index: 'table' as const, pk: recordPartition(workspace_id, ids.task(n + 1)), sorts: ['TASK'] })),
  { index: 'by_state', pk: listPartitions.tasksByState(workspace_id, 'queued', false), sorts: numbers.map(ids.task) },
  { index: 'by_state', pk: listPartitions.instances(workspace_id), sorts: numbers.map(ids.class) },
  { index: 'by_agent', pk: listPartitions.tasksByAgent(workspace_id, ids.agent(1), false), sorts: numbers.map(ids.task) },
  ...numbers.map((n) => ({
    index: 'by_session' as const,
    pk: listPartitions.tasksBySession(workspace_id, ids.session(n), false),
    sorts: numbers.map(ids.task),
  })),
  ...['one', 'two'].map((label) => ({ index: 'by_label' as const, pk: listPartitions.tasksByLabel(workspace_id, label, false), sorts: numbers.map(ids.task) })),
  ...Array.from({ length: due_shards }, (_, n) => ({ index: 'due' as const, pk: `due#${n}`, sorts: numbers.map(minute) })),
]

const query: fc.Arbitrary<RangeQuery> = fc
  .constantFrom(...partitions)
  .chain(({ index, pk, sorts }) =>
    fc
      .record(
        { from: fc.constantFrom(...sorts), to: fc.constantFrom(...sorts), after: fc.constantFrom(...sorts), newest_first: fc.boolean() },
        { requiredKeys: [] },
      )
      .chain((bounds) => fc.integer({ min: 1, max: 4 }).map((limit): RangeQuery => ({ index, pk, ...bounds, limit }))),
  )

export const sequence: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.array(write, { minLength: 1, maxLength: 3 }).map((writes): Step => ({ do: 'commit', writes })) },
    { weight: 1, arbitrary: query.map((asked): Step => ({ do: 'range', query: asked })) },
  ),
  { minLength: 1, maxLength: 25 },
)
