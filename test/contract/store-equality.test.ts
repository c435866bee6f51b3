/**
 * Equal sequences of commits and queries on both stores: every answer and the final contents are equal. The number of
 * sequences is `LANEKEEPER_CONTRACT_SEQUENCES`, 200 unless told otherwise; `npm run test:stores` compares 2,000, which takes minutes.
 */
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dynamoStore } from '../../shared/store/dynamo.ts'
import { refOf } from '../../shared/store/keys.ts'
import { memoryStore } from '../../shared/store/memory.ts'
import type { StoredRecord } from '../../shared/store/records.ts'
import type { RangePage, Store } from '../../shared/store/store.ts'
import { startDynoxide, type Dynoxide } from '../support/dynoxide.ts'
import { partitions, sequence, type Step } from '../support/store-sequences.ts'

const sequences = Number(process.env.LANEKEEPER_CONTRACT_SEQUENCES ?? 200)

let dynoxide: Dynoxide
beforeAll(async () => {
  dynoxide = await startDynoxide()
})
afterAll(() => dynoxide.stop())

/** Records that share a due time have no order among themselves: order them by key. */
const settled = (step: Step, page: RangePage): RangePage => {
  const due = (record: StoredRecord) => ('due_at' in record ? (record.due_at ?? '') : '')
  if (step.do !== 'range' || step.query.index !== 'due') return page
  return { ...page, records: page.records.toSorted((a, b) => `${due(a)} ${refOf(a).pk}`.localeCompare(`${due(b)} ${refOf(b).pk}`)) }
}

const answer = async (store: Store, step: Step): Promise<unknown> => {
  try {
    return step.do === 'commit' ? await store.commit(step.writes) : settled(step, await store.range(step.query))
  } catch (error) {
    return error instanceof TypeError || error instanceof RangeError ? error.message : Promise.reject(error)
  }
}

/** All pages of a partition. */
const contents = async (store: Store, { index, pk }: (typeof partitions)[number]): Promise<readonly StoredRecord[]> => {
  const records: StoredRecord[] = []
  let after: string | undefined
  do {
    const page: RangePage = await store.range({ index, pk, limit: 3, ...(after === undefined ? {} : { after }) })
    records.push(...page.records)
    after = page.after
  } while (after !== undefined)
  return records.toSorted((a, b) => `${refOf(a).pk} ${refOf(a).sk}`.localeCompare(`${refOf(b).pk} ${refOf(b).sk}`))
}

test(`both stores answer ${sequences} sequences alike and end up with the same contents`, { timeout: 60_000 + sequences * 1_000 }, async () => {
  let applied = 0
  let refused = 0
  await fc.assert(
    fc.asyncProperty(sequence, async (steps) => {
      const memory = memoryStore()
      const dynamo = dynamoStore({ client: dynoxide.client, table: await dynoxide.createTable() })
      for (const step of steps) {
        const expected = await answer(memory, step)
        expect(await answer(dynamo, step)).toEqual(expected)
        if (step.do !== 'commit' || typeof expected !== 'object' || expected === null) continue
        if ('conflicts' in expected) refused += 1
        else applied += 1
      }
      const whole = (store: Store) => Promise.all(partitions.map((partition) => contents(store, partition)))
      expect(await whole(dynamo)).toEqual(await whole(memory))
    }),
    { numRuns: sequences },
  )
  expect(applied).toBeGreaterThan(sequences / 4)
  expect(refused).toBeGreaterThan(sequences / 4)
})
