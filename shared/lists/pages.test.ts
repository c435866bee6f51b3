import { expect, test } from 'vitest'
import type { Place } from '../domain/instance.ts'
import { AgentId, ClassKey, SessionId, TaskId, WorkspaceId } from '../domain/ids.ts'
import type { RangePage, RangeQuery, Store } from '../store/store.ts'
import { collect, examined_max, merged, page_bytes_max, type Source } from './pages.ts'

const idOf = (n: number): string => `task_${String(n).padStart(26, '0')}`
const placeOf = (n: number): Place => ({
  kind: 'place',
  line: 'class',
  workspace_id: WorkspaceId.parse(`ws_${'0'.repeat(26)}`),
  class_key: ClassKey.parse(`execclass_${'0'.repeat(32)}`),
  session_id: SessionId.parse('s'),
  agent_id: AgentId.parse(`agt_${'0'.repeat(26)}`),
  rank: 0,
  task_id: TaskId.parse(idOf(n)),
  version: 1,
})

/** A store whose partitions answer with what they are given; of it only `range` is asked. */
const storeOf = (range: (query: RangeQuery) => RangePage): Store => ({
  get: async () => undefined,
  getMany: async () => [],
  commit: async () => ({ ok: true }),
  range: async (query) => range(query),
})
const keyOf = (place: Place): string => place.task_id
const places = (store: Store, pks: readonly string[]): Source<Place> =>
  merged(store, 'by_state', pks, (record) => (record.kind === 'place' ? record : undefined), keyOf)

/** Partitions as an index has them: keys of which some have lost their record. */
const partitions = (keys: Readonly<Record<string, readonly number[]>>, lost: readonly number[] = []) =>
  storeOf(({ pk, after, limit }) => {
    const rest = (keys[pk] ?? []).toSorted((a, b) => b - a).filter((n) => after === undefined || idOf(n) < after)
    const page = rest.slice(0, limit)
    const last = page.at(-1)
    return { records: page.filter((n) => !lost.includes(n)).map(placeOf), ...(rest.length > limit && last !== undefined ? { after: idOf(last) } : {}) }
  })

const walk = async (source: Source<Place>, limit: number): Promise<string[]> => {
  const found: string[] = []
  for (let after: string | undefined; ;) {
    const page = await collect(source, { limit, after, keep: () => true, keyOf })
    expect(page.records.length).toBeLessThanOrEqual(limit)
    found.push(...page.records.map(keyOf))
    if (page.after === undefined) return found
    after = page.after
  }
}

test.each([1, 2, 3, 5, 100])('partitions come merged, each record once, newest first, by pages of %i', async (limit) => {
  const store = partitions({ a: [1, 4, 7, 10], b: [2, 5, 8], c: [], d: [3, 6, 9, 11, 12] })
  const wanted = Array.from({ length: 12 }, (_, n) => idOf(12 - n))
  expect(await walk(places(store, ['a', 'b', 'c', 'd']), limit)).toEqual(wanted)
})

test('a partition whose page lost records hides what lies behind it in the others until it was read on', async () => {
  const store = partitions({ a: [12, 11, 10, 2], b: [9, 8, 7, 1] }, [12, 11])
  expect(await walk(places(store, ['a', 'b']), 2)).toEqual([10, 9, 8, 7, 2, 1].map(idOf))
})

test('a record that moved from one partition to another between two reads is listed once', async () => {
  const store = storeOf(({ pk }) => ({ records: pk === 'queued' || pk === 'running' ? [placeOf(1)] : [] }))
  expect(await walk(places(store, ['queued', 'running']), 10)).toEqual([idOf(1)])
})

test('a list that finds nothing stops after a bounded number of records and says where to go on', async () => {
  let examined = 0
  const source: Source<Place> = async (after, limit) => {
    const from = after === undefined ? 1_000_000 : Number(after.slice(5))
    examined += limit
    return { records: Array.from({ length: limit }, (_, n) => placeOf(from - n - 1)), after: idOf(from - limit) }
  }
  const page = await collect(source, { limit: 50, after: undefined, keep: () => false, keyOf })
  expect(page).toEqual({ records: [], after: idOf(1_000_000 - examined_max) })
  expect(examined).toBe(examined_max)
})

test('a page ends with the record that makes it large, and goes on behind it', async () => {
  const records = [5, 4, 3, 2, 1].map((n) => ({ ...placeOf(n), lane: 'x'.repeat(page_bytes_max / 2) }))
  const source: Source<Place> = async (after) => ({ records: records.filter((record) => after === undefined || record.task_id < after) })
  const first = await collect(source, { limit: 5, after: undefined, keep: () => true, keyOf })
  expect({ ...first, records: first.records.map(keyOf) }).toEqual({ records: [idOf(5), idOf(4)], after: idOf(4) })
})

test('a full page that ends with the last record has no cursor', async () => {
  const page = await collect(places(partitions({ a: [1, 2] }), ['a']), { limit: 2, after: undefined, keep: () => true, keyOf })
  expect(page.after).toBeUndefined()
})
