/** The store as little as schedules need it, and as fast: records are kept as they are given, and lists are not asked for. */
import { keyOfWrite } from '../../../shared/store/items.ts'
import type { Ref } from '../../../shared/store/keys.ts'
import type { RecordKind, RecordOf, StoredRecord } from '../../../shared/store/records.ts'
import type { Store, Write } from '../../../shared/store/store.ts'

const addressOf = ({ pk, sk }: Ref): string => `${pk}\n${sk}`
const isKind = <K extends RecordKind>(kind: K, record: StoredRecord | undefined): record is RecordOf<K> & StoredRecord => record?.kind === kind

const holds = (record: StoredRecord | undefined, write: Write): boolean => {
  switch (write.op) {
    case 'put_if_absent':
      return record === undefined
    case 'replace_if_version':
      return record?.version === write.record.version
    case 'delete_if_version':
      return record?.version === write.version
    case 'add_within_limit':
      throw new Error('nothing is counted here')
  }
}

export interface LeanStore extends Store {
  forget(ref: Ref): void
}

export const leanStore = (): LeanStore => {
  const records = new Map<string, StoredRecord>()
  const get = <K extends RecordKind>(ref: Ref<K>): RecordOf<K> | undefined => {
    const record = records.get(addressOf(ref))
    return isKind(ref.kind, record) ? record : undefined
  }
  return {
    get: async (ref) => get(ref),
    getMany: async (refs) => refs.map((ref) => get(ref)),
    range: () => Promise.reject(new Error('no list is asked for here')),
    commit: async (writes) => {
      const conflicts = writes.flatMap((write, position) => (holds(records.get(addressOf(keyOfWrite(write))), write) ? [] : [position]))
      if (conflicts.length > 0) return { ok: false, conflicts }
      for (const write of writes) {
        const address = addressOf(keyOfWrite(write))
        if (write.op === 'put_if_absent') records.set(address, write.record)
        else if (write.op === 'replace_if_version') records.set(address, { ...write.record, version: write.record.version + 1 })
        else records.delete(address)
      }
      return { ok: true }
    },
    forget: (ref) => void records.delete(addressOf(ref)),
  }
}
