/** One violation of each kind that is about a ceiling. */
import { keyText } from '../../shared/audit/finding.ts'
import { refs } from '../../shared/store/keys.ts'
import { commit, now, put, worked, ws } from './audited.ts'
import type { Planted } from './planted.ts'
import type { Ceiling } from '../../shared/domain/ceiling.ts'

const ceiling = (fields: Partial<Ceiling>): Ceiling => ({
  kind: 'ceiling',
  owner: ws(),
  limit: 5,
  live: 0,
  set_no: 1,
  last_rank: 0,
  served_rank: 0,
  created_at: now(),
  version: 1,
  ...fields,
})
const ceilingKey = (): string => keyText(refs.ceiling(ws()))
const laneClass = () => refs.instance(ws(), worked('lane').class_key)

export const planted_ceilings: readonly Planted[] = [
  { code: 'ceiling_count', what: 'a ceiling that counts an attempt too many', plant: async () => put(ceiling({ live: 1 })), at: ceilingKey },
  {
    code: 'ceiling_unwatched',
    what: 'a ceiling that counts what lives and is not looked at',
    plant: async () => put(ceiling({ counting_since: now() })),
    at: ceilingKey,
  },
  {
    code: 'ceiling_unwatched',
    what: 'a ceiling with room and a line that is not looked at',
    plant: async () => {
      await put(ceiling({}))
      await put({ kind: 'turn', owner: ws(), workspace_id: ws(), class_key: worked('lane').class_key, rank: 1, version: 1 })
    },
    at: ceilingKey,
  },
  {
    code: 'turn_missing',
    what: 'a class that waits for a turn which does not stand in line',
    plant: async () => commit({ op: 'add_within_limit', ref: laneClass(), change: { add: {}, set: { turn_owner: ws(), turn_rank: 7 } }, conditions: [] }),
    at: () => keyText(laneClass()),
  },
]
