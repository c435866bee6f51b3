/**
 * Follows a memory store: with each commit it knows every record, what it was before, and when it changed. It hears of a commit in the
 * moment in which it goes through: of two flows side by side, neither is seen half done.
 */
import type { Change } from '../../shared/audit/changes.ts'
import { keyOfWrite } from '../../shared/store/items.ts'
import { memoryStore, type OnCommit } from '../../shared/store/memory.ts'
import type { RecordKind, RecordOf, StoredRecord } from '../../shared/store/records.ts'
import type { Store, Write } from '../../shared/store/store.ts'

interface Entry {
  readonly record: StoredRecord
  /** The number of the commit that wrote it last. */
  readonly step: number
}

export interface Journal {
  /** The store. Commits through it are seen. */
  readonly store: Store
  /** The number of commits so far. */
  readonly step: () => number
  readonly all: <K extends RecordKind>(kind: K) => readonly RecordOf<K>[]
  /** When the record of this kind and id was written last; -1 where there is none. */
  readonly stepOf: (matches: (record: StoredRecord) => boolean) => number
}

const isKind =
  <K extends RecordKind>(kind: K) =>
  (record: StoredRecord): record is RecordOf<K> & StoredRecord =>
    record.kind === kind

const writtenBy = (write: Write, get: Parameters<OnCommit>[1]): StoredRecord | undefined => {
  switch (write.op) {
    case 'put_if_absent':
      return write.record
    case 'replace_if_version':
      return { ...write.record, version: write.record.version + 1 }
    case 'delete_if_version':
      return undefined
    case 'add_within_limit':
      return get(write.ref)
  }
}

/** @param onCommit hears of each commit that went through, with all that it changed */
export const journalled = (onCommit: (changes: readonly Change[], journal: Journal) => void): Journal => {
  const entries = new Map<string, Entry>()
  /** The same by kind, in the same order. */
  const by_kind = new Map<RecordKind, Map<string, Entry>>()
  const ofKind = (kind: RecordKind): Map<string, Entry> => {
    const known = by_kind.get(kind) ?? new Map<string, Entry>()
    by_kind.set(kind, known)
    return known
  }
  let step = 0
  const store = memoryStore({
    parse_once: true,
    onCommit: (writes, get) => {
      step += 1
      onCommit(
        writes.map((write) => follow(write, get)),
        journal,
      )
    },
  })
  const follow = (write: Write, get: Parameters<OnCommit>[1]): Change => {
    const ref = keyOfWrite(write)
    const address = JSON.stringify([ref.pk, ref.sk])
    const before = entries.get(address)?.record
    const after = writtenBy(write, get)
    if (after === undefined) {
      entries.delete(address)
      ofKind(ref.kind).delete(address)
    } else {
      const entry: Entry = { record: after, step }
      entries.set(address, entry)
      ofKind(ref.kind).set(address, entry)
    }
    return { before, after }
  }
  const journal: Journal = {
    store,
    step: () => step,
    all: (kind) => [...ofKind(kind).values()].map(({ record }) => record).filter(isKind(kind)),
    stepOf: (matches) => Math.max(-1, ...[...entries.values()].filter(({ record }) => matches(record)).map((entry) => entry.step)),
  }
  return journal
}
