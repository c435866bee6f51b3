/** A store that lets a test act between two calls of a flow: what another handler does at that moment. */
import { memoryStore } from '../../shared/store/memory.ts'
import { refOf } from '../../shared/store/keys.ts'
import type { RecordKind, StoredRecord } from '../../shared/store/records.ts'
import type { Store } from '../../shared/store/store.ts'

export interface BetweenStore extends Store {
  /** Runs `act` once, after the next read of a record of this kind and before the reader hears of it. */
  afterReadOf(kind: RecordKind, act: () => Promise<void>): void
  /** Runs `act` once, before the next commit that writes a record of this kind. */
  beforeWriteOf(kind: RecordKind, act: () => Promise<void>): void
}

interface Plan {
  readonly when: 'read' | 'write'
  readonly kind: RecordKind
  readonly act: () => Promise<void>
}

/** A memory store with hooks. */
export const betweenStore = (): BetweenStore => {
  const inner = memoryStore()
  const plans: Plan[] = []
  const reached = async (when: Plan['when'], kinds: readonly string[]): Promise<void> => {
    const position = plans.findIndex((plan) => plan.when === when && kinds.includes(plan.kind))
    const [plan] = position === -1 ? [] : plans.splice(position, 1)
    await plan?.act()
  }
  const kindsOf = (records: readonly (StoredRecord | undefined)[]) => records.flatMap((record) => (record === undefined ? [] : [refOf(record).kind]))
  return {
    afterReadOf: (kind, act) => void plans.push({ when: 'read', kind, act }),
    beforeWriteOf: (kind, act) => void plans.push({ when: 'write', kind, act }),
    get: async (ref) => {
      const record = await inner.get(ref)
      await reached('read', [ref.kind])
      return record
    },
    getMany: async (refs) => {
      const records = []
      for (const ref of refs) {
        records.push(await inner.get(ref))
        await reached('read', [ref.kind])
      }
      return records
    },
    range: async (query) => {
      const page = await inner.range(query)
      await reached('read', kindsOf(page.records))
      return page
    },
    commit: async (writes) => {
      await reached(
        'write',
        writes.map((write) => ('record' in write ? write.record.kind : write.ref.kind)),
      )
      return inner.commit(writes)
    },
  }
}
