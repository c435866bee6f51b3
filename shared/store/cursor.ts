/**
 * Where a page of a query ends. The sort key names one record in the table and in the list indexes. In the index `due`
 * several records may share a time, so its cursor carries the record's key as well. Either form is accepted.
 */
import type { IndexName } from './keys.ts'

export interface Position {
  readonly sort: string
  /** Absent: behind all that share the sort key. */
  readonly key?: { readonly pk: string; readonly sk: string }
}

/** No id, timestamp or key holds a blank. */
const separator = ' '

export const cursorOf = (index: IndexName | 'table', sort: string, key: { readonly pk: string; readonly sk: string }): string =>
  index === 'due' ? [sort, key.pk, key.sk].join(separator) : sort

export const positionOf = (index: IndexName | 'table', after: string): Position => {
  if (index !== 'due') return { sort: after }
  const [sort, pk, sk] = after.split(separator)
  return pk === undefined || sk === undefined ? { sort: sort ?? after } : { sort: sort ?? after, key: { pk, sk } }
}
