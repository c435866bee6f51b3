/** Follows a memory store from outside: after each commit it knows every record, what it was before, and when it changed. */
import type { Change } from '../../shared/audit/changes.ts'
import { keyOfWrite } from '../../shared/store/items.ts'
import type { Ref } from '../../shared/store/keys.ts'
import { memoryStore } from '../../shared/store/memory.ts'
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

/** @param onCommit hears of each commit that went through, with all that it changed */
export const journalled = (onCommit: (changes: readonly Change[], journal: Journal) => void): Journal => {
  const inner = memoryStore()
  const entries = new Map<string, Entry>()
  let step = 0
  const written = async (write: Write): Promise<StoredRecord | undefined> => {
    switch (write.op) {
      case 'put_if_absent':
        return write.record
      case 'replace_if_version':
        return { ...write.record, version: write.record.version + 1 }
      case 'delete_if_version':
        return undefined
      case 'add_within_limit':
        return inner.get(write.ref)
    }
  }
  const follow = async (write: Write): Promise<Change> => {
    const ref = keyOfWrite(write)
    const address = JSON.stringify([ref.pk, ref.sk])
    const before = entries.get(address)?.record
    const after = await written(write)
    if (after === undefined) entries.delete(address)
    else entries.set(address, { record: after, step })
    return { before, after }
  }
  /** Each version is parsed once, as whoever reads it first would. */
  const parsed = new Map<StoredRecord, StoredRecord>()
  const get = async <K extends RecordKind>(ref: Ref<K>): Promise<RecordOf<K> | undefined> => {
    const entry = entries.get(JSON.stringify([ref.pk, ref.sk]))
    const known = entry === undefined ? undefined : parsed.get(entry.record)
    if (known !== undefined && isKind(ref.kind)(known)) return known
    const record = await inner.get(ref)
    if (entry !== undefined && record !== undefined) parsed.set(entry.record, record)
    return record
  }
  const journal: Journal = {
    store: {
      ...inner,
      get,
      getMany: async (refs) => Promise.all(refs.map(get)),
      commit: async (writes) => {
        const committed = await inner.commit(writes)
        if (!committed.ok) return committed
        step += 1
        onCommit(await Promise.all(writes.map(follow)), journal)
        return committed
      },
    },
    step: () => step,
    all: (kind) => [...entries.values()].map(({ record }) => record).filter(isKind(kind)),
    stepOf: (matches) => Math.max(-1, ...[...entries.values()].filter(({ record }) => matches(record)).map((entry) => entry.step)),
  }
  return journal
}
