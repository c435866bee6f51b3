/** Reading lists page by page: from one partition or several at once, filtered, with a bound on what one call may examine. */
import type { IndexName } from '../store/keys.ts'
import type { StoredRecord } from '../store/records.ts'
import type { Store } from '../store/store.ts'

/** Records of a partition or several, in descending order of their key. `after`: the key behind which the next page begins; absent at the end. */
export interface Page<T> {
  readonly records: readonly T[]
  readonly after?: string
}
export type Source<T> = (after: string | undefined, limit: number) => Promise<Page<T>>

/** Narrows a stored record to what a list is of. */
export type Narrow<T> = (record: StoredRecord) => T | undefined

/** One call examines at most this many records; a list that finds too little answers with a short page and a cursor. */
export const examined_max = 1_000
/** And a page ends with the record that reaches this size: a Lambda answers with at most 6 MB. */
export const page_bytes_max = 3_500_000

/** What a record takes in an answer, roughly. */
export const bytesOf = (record: unknown): number => Buffer.byteLength(JSON.stringify(record))

const descending =
  <T>(keyOf: (record: T) => string) =>
  (a: T, b: T): number =>
    keyOf(a) < keyOf(b) ? 1 : keyOf(a) > keyOf(b) ? -1 : 0

/**
 * Several partitions as one list, newest first. A partition that has more hides what lies behind its last record in the
 * others: that would skip its own. Partitions are read one after the other, in the order given, so that a record that moves on
 * through them meanwhile is met at least once.
 */
export const merged =
  <T>(store: Store, index: IndexName | 'table', pks: readonly string[], pick: Narrow<T>, keyOf: (record: T) => string): Source<T> =>
  async (after, limit) => {
    const found = new Map<string, T>()
    let horizon = ''
    for (const pk of pks) {
      const page = await store.range({ index, pk, limit, newest_first: true, ...(after === undefined ? {} : { after }) })
      for (const record of page.records) {
        const picked = pick(record)
        if (picked !== undefined) found.set(keyOf(picked), picked)
      }
      if (page.after !== undefined && page.after > horizon) horizon = page.after
    }
    const seen = [...found.values()].filter((record) => keyOf(record) >= horizon).toSorted(descending(keyOf))
    const records = seen.slice(0, limit)
    const last = records.at(-1)
    if (seen.length > limit && last !== undefined) return { records, after: keyOf(last) }
    return horizon === '' ? { records } : { records, after: horizon }
  }

export interface Wanted<T> {
  readonly limit: number
  readonly after: string | undefined
  readonly keep: (record: T) => boolean
  readonly keyOf: (record: T) => string
}

/** The next records that are wanted. */
export const collect = async <T>(source: Source<T>, { limit, after: start, keep, keyOf }: Wanted<T>): Promise<Page<T>> => {
  const kept: T[] = []
  let bytes = 0
  let after = start
  for (let examined = 0; examined < examined_max;) {
    const page = await source(after, Math.min(limit, examined_max - examined))
    for (const [position, record] of page.records.entries()) {
      if (!keep(record)) continue
      kept.push(record)
      bytes += bytesOf(record)
      if (kept.length < limit && bytes < page_bytes_max) continue
      const more = page.after !== undefined || position < page.records.length - 1
      return more ? { records: kept, after: keyOf(record) } : { records: kept }
    }
    if (page.after === undefined) return { records: kept }
    after = page.after
    examined += Math.max(1, page.records.length)
  }
  return after === undefined ? { records: kept } : { records: kept, after }
}
