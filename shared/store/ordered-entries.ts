/** Partitions of entries in order of their sort key: how the memory store keeps the table and each index. */
import type { Position } from './cursor.ts'

export interface Entry {
  readonly sort: string
  readonly pk: string
  readonly sk: string
}

export interface PageQuery {
  /** Inclusive bounds of the sort key. */
  readonly from?: string
  readonly to?: string
  /** Exclusive, in the direction of the query. */
  readonly after?: Position
  readonly newest_first?: boolean
  readonly limit: number
}

export interface OrderedEntries {
  add(partition: string, entry: Entry): void
  remove(partition: string, entry: Entry): void
  /** At most `limit` entries; `more` says that others follow. */
  page(partition: string, query: PageQuery): { readonly entries: readonly Entry[]; readonly more: boolean }
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const compare = (a: Entry, b: Entry): number => compareText(a.sort, b.sort) || compareText(a.pk, b.pk) || compareText(a.sk, b.sk)

/** The first position for which `isPast` holds; it holds for all behind it. */
const firstWhere = (entries: readonly Entry[], isPast: (entry: Entry) => boolean): number => {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = entries[middle]
    if (entry !== undefined && isPast(entry)) high = middle
    else low = middle + 1
  }
  return low
}

/** The first position at or behind a place, or, with `past`, behind it. */
const boundary = (entries: readonly Entry[], at: Position, past: boolean): number =>
  firstWhere(entries, (entry) => {
    const order = at.key === undefined ? compareText(entry.sort, at.sort) : compare(entry, { sort: at.sort, ...at.key })
    return past ? order > 0 : order >= 0
  })

const windowOf = (entries: readonly Entry[], { from, to, after, newest_first = false }: PageQuery): { readonly start: number; readonly end: number } => {
  const start = from === undefined ? 0 : boundary(entries, { sort: from }, false)
  const end = to === undefined ? entries.length : boundary(entries, { sort: to }, true)
  if (after === undefined) return { start, end }
  return newest_first ? { start, end: Math.min(end, boundary(entries, after, false)) } : { start: Math.max(start, boundary(entries, after, true)), end }
}

export const orderedEntries = (): OrderedEntries => {
  const partitions = new Map<string, Entry[]>()
  return {
    add: (partition, entry) => {
      const entries = partitions.get(partition)
      if (entries === undefined) partitions.set(partition, [entry])
      else
        entries.splice(
          firstWhere(entries, (each) => compare(each, entry) > 0),
          0,
          entry,
        )
    },
    remove: (partition, entry) => {
      const entries = partitions.get(partition) ?? []
      const position = firstWhere(entries, (each) => compare(each, entry) >= 0)
      const found = entries[position]
      if (found !== undefined && compare(found, entry) === 0) entries.splice(position, 1)
      if (entries.length === 0) partitions.delete(partition)
    },
    page: (partition, query) => {
      const entries = partitions.get(partition) ?? []
      const { start, end } = windowOf(entries, query)
      if (start >= end) return { entries: [], more: false }
      const cut =
        query.newest_first === true
          ? entries.slice(Math.max(start, end - query.limit), end).reverse()
          : entries.slice(start, Math.min(end, start + query.limit))
      return { entries: cut, more: end - start > query.limit }
    },
  }
}
