/** How a question to the table is described. */
import type { IndexName } from './keys.ts'

export type Asker = 'api' | 'runner-api' | 'dispatch' | 'attempt-events' | 'wake' | 'sweep' | 'cron-fire' | 'stream' | 'doorbell'

/** A key with names in braces where values stand. `sk` is a value, a range, or all of the partition. */
export interface PatternKey {
  readonly pk: string
  readonly sk: string
}

export interface AccessPattern {
  readonly name: string
  readonly index: IndexName | 'table'
  readonly key: PatternKey
  readonly asked_by: readonly Asker[]
  /** An index is always eventually consistent; its records are then read from the table. */
  readonly consistency: 'strong' | 'eventual'
  readonly note: string
}

/** Stands for the workspace in a key. */
export const w = '{workspace}'
/** The key of a record, without its kind. */
export const key = ({ pk, sk }: PatternKey): PatternKey => ({ pk, sk })
/** A range of sort keys. */
export const from = (start: string) => `begins with ${start}`
/** A whole partition, backwards. */
export const all_newest_first = 'all, newest first'
