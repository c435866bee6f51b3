/** Reading the neighbours of what is audited, many at once, strongly consistent. */
import { found, keyText, type Finding } from '../../audit/finding.ts'
import { refOf, type Ref } from '../../store/keys.ts'
import type { RecordKind, RecordOf, StoredRecord } from '../../store/records.ts'
import type { Store } from '../../store/store.ts'

/** Records by where they were read, with the version of each: what a check saw. */
export interface Neighbours {
  readonly at: <K extends RecordKind>(ref: Ref<K>) => RecordOf<K> | undefined
  /** Equal for two reads only if no record has come, gone or changed. */
  readonly versions: (refs: readonly Ref[]) => string
  /** Records of this place that belong elsewhere. */
  readonly misplaced: (refs: readonly Ref[]) => readonly Finding[]
}

const isOf = <K extends RecordKind>(kind: K, record: StoredRecord | undefined): record is RecordOf<K> & StoredRecord => record?.kind === kind

const misplacedAt = (ref: Ref, record: StoredRecord | undefined): readonly Finding[] => {
  if (record === undefined) return []
  const own = refOf(record)
  if (own.pk === ref.pk && own.sk === ref.sk) return []
  return [{ ...found('out_of_place', record, `a ${record.kind} of ${keyText(own)} lies here`), key: keyText(ref) }]
}

export const readNeighbours = async (store: Store, refs: readonly Ref[]): Promise<Neighbours> => {
  const unique = [...new Map(refs.map((ref) => [keyText(ref), ref])).values()]
  const records = await store.getMany(unique)
  const by_key = new Map(unique.map((ref, position) => [keyText(ref), records[position]]))
  return {
    at: (ref) => {
      const record = by_key.get(keyText(ref))
      return isOf(ref.kind, record) ? record : undefined
    },
    versions: (some) => some.map((ref) => `${keyText(ref)} ${by_key.get(keyText(ref))?.version ?? 'absent'}`).join('\n'),
    misplaced: (some) => some.flatMap((ref) => misplacedAt(ref, by_key.get(keyText(ref)))),
  }
}
