/**
 * The store: one table behind a small interface. Two adapters satisfy it, DynamoDB and memory, and one contract suite
 * (test/contract) holds both to the same behaviour.
 *
 * Writes come in four kinds, and each carries its own condition. A commit applies all of its writes or none. One write
 * alone is a plain conditional write, several are one TransactWriteItems.
 */
import type { IndexName, Ref } from './keys.ts'
import type { RecordKind, RecordOf, StoredRecord } from './records.ts'

/** The counters of an instance and the fields that may change with them. */
export interface InstanceChange {
  readonly add: { readonly [F in 'pending' | 'running' | 'stopping' | 'live' | 'failures']?: number }
  readonly set?: {
    readonly last_event_at?: string
    readonly due_at?: string
    readonly cooldown_until?: string
    readonly failures?: number
    readonly limit?: number
    readonly limit_set_at?: string
    readonly desired_limit?: number
    readonly turn_owner?: string
    readonly turn_rank?: number
  }
  readonly remove?: readonly ('due_at' | 'cooldown_until' | 'desired_limit' | 'turn_owner' | 'turn_rank')[]
}
/** The count of a ceiling and the fields that may change with it. */
export interface CeilingChange {
  readonly add: { readonly live?: number }
  readonly set?: {
    readonly due_at?: string
    readonly limit?: number
    readonly counting_since?: string
    readonly set_no?: number
    readonly lifted?: boolean
    readonly last_rank?: number
    readonly served_rank?: number
  }
  readonly remove?: readonly ('due_at' | 'counting_since' | 'lifted')[]
}
/** The count of those who share a file. */
export interface SharedFileChange {
  readonly add: { readonly holders?: number }
  readonly set?: { readonly due_at: string }
  readonly remove?: readonly 'due_at'[]
}
/** A condition on a stored field. An absent field satisfies none. */
export interface FieldCondition {
  readonly field:
    | 'live'
    | 'limit'
    | 'failures'
    | 'due_at'
    | 'pending'
    | 'running'
    | 'stopping'
    | 'turn_rank'
    | 'last_rank'
    | 'counting_since'
    | 'set_no'
    | 'version'
    | 'holders'
  readonly is: 'at_most' | 'at_least' | 'equals'
  readonly value: number | string
}

export type Write =
  /** Stores the record; conflict if one with its key exists. It is stored as it is given. */
  | { readonly op: 'put_if_absent'; readonly record: StoredRecord }
  /** Stores the record with `version + 1`; conflict unless the stored version is `record.version`. */
  | { readonly op: 'replace_if_version'; readonly record: StoredRecord }
  /** Deletes; conflict unless the stored version is `version`. */
  | { readonly op: 'delete_if_version'; readonly ref: Ref; readonly version: number }
  /** Adds to counters and adds 1 to `version`; conflict if the record is absent or a condition does not hold. */
  | { readonly op: 'add_within_limit'; readonly ref: Ref<'instance'>; readonly change: InstanceChange; readonly conditions: readonly FieldCondition[] }
  | { readonly op: 'add_within_limit'; readonly ref: Ref<'ceiling'>; readonly change: CeilingChange; readonly conditions: readonly FieldCondition[] }
  | { readonly op: 'add_within_limit'; readonly ref: Ref<'shared_file'>; readonly change: SharedFileChange; readonly conditions: readonly FieldCondition[] }

/** `conflicts`: the positions of the writes whose condition did not hold. Nothing was written. */
export type CommitResult = { readonly ok: true } | { readonly ok: false; readonly conflicts: readonly number[] }

/** At most this many writes in one commit (TransactWriteItems). */
export const commit_writes_max = 100

export interface RangeQuery {
  readonly index: IndexName | 'table'
  readonly pk: string
  /** Inclusive bounds of the sort key. */
  readonly from?: string
  readonly to?: string
  /** Exclusive: the sort key of the last record already seen, in the direction of the query. */
  readonly after?: string
  readonly newest_first?: boolean
  readonly limit: number
  /** Read-your-writes; the table only. Default true for the table; an index is always eventually consistent. */
  readonly consistent?: boolean
}
/** `after`: where the next page begins; absent at the end. */
export interface RangePage {
  readonly records: readonly StoredRecord[]
  readonly after?: string
}

export interface Store {
  /** Strongly consistent unless told otherwise. */
  get<K extends RecordKind>(ref: Ref<K>, options?: { readonly consistent?: boolean }): Promise<RecordOf<K> | undefined>
  /** In the order of `refs`; absent ones are undefined. Strongly consistent. */
  getMany<K extends RecordKind>(refs: readonly Ref<K>[]): Promise<readonly (RecordOf<K> | undefined)[]>
  /**
   * One partition of the table or of an index, in order of the sort key. Records of an index are read from the table, so they
   * are current; one that has left the index meanwhile may still be in the page, so filter again by what was asked.
   */
  range(query: RangeQuery): Promise<RangePage>
  /** Applies all writes or none. Throws only when the outcome is unknown or the store is unavailable. */
  commit(writes: readonly Write[]): Promise<CommitResult>
}
