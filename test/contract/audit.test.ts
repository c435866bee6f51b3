/** The audit of a live table: clean after honest work, and each kind of violation is seen where it was planted. */
import { beforeEach, describe, expect, test } from 'vitest'
import { audited_invariants, finding_kinds, type AuditedInvariant, type FindingCode } from '../../shared/audit/finding.ts'
import { operations } from '../../shared/contract/operations.ts'
import { refs } from '../../shared/store/keys.ts'
import { commit, freshWork, now, replace, taskOf, worked, ws, type Tricks } from '../support/audited.ts'
import { shaped, type ApiPlane } from '../support/http.ts'
import { planted as planted_elsewhere } from '../support/planted.ts'
import { planted_inputs } from '../support/planted-inputs.ts'
import { planted_in_schedules } from '../support/planted-in-schedules.ts'
import { planted_ceilings } from '../support/planted-ceilings.ts'

const planted = [...planted_elsewhere, ...planted_inputs, ...planted_ceilings]

let plane: ApiPlane
let key: string
let tricks: Tricks
beforeEach(async () => {
  ;({ plane, key, tricks } = await freshWork())
})

const page = async (invariant: AuditedInvariant, cursor?: string) => {
  const query = `invariant=${invariant}${cursor === undefined ? '' : `&cursor=${cursor}`}`
  return shaped(operations.audit.responses[200], await plane.call('GET', `/v1/audit?${query}`, { key }))
}
const audit = async (invariant: AuditedInvariant) => {
  let [checked, unsettled] = [0, 0]
  const violations: { code: FindingCode; key: string }[] = []
  for (let cursor: string | undefined; ;) {
    const { next_cursor, ...one } = await page(invariant, cursor)
    checked += one.checked
    unsettled += one.unsettled
    violations.push(...one.violations.map(({ code, key: place }) => ({ code, key: place })))
    if (next_cursor === undefined) return { checked, unsettled, violations }
    cursor = next_cursor
  }
}

test.each(audited_invariants)('honest work violates nothing of invariant %i, and all of it is looked at', async (invariant) => {
  const { checked, ...rest } = await audit(invariant)
  expect(rest).toEqual({ unsettled: 0, violations: [] })
  expect(checked).toBeGreaterThanOrEqual(2)
})

describe('a planted violation is reported', () => {
  test.each([...planted, ...planted_in_schedules])('$code: $what', async ({ code, plant, at: where }) => {
    const place = await where()
    await plant()
    const invariant = audited_invariants.find((one) => one === finding_kinds[code].invariant)
    expect(invariant).toBeDefined()
    expect((await audit(invariant ?? 1)).violations).toContainEqual({ code, key: place })
  })

  /** These are seen by whoever sees every commit, which is the simulator. */
  const of_changes: readonly FindingCode[] = ['illegal_move', 'record_changed', 'over_ceiling']
  test('each kind of violation is planted', () => {
    expect([...new Set([...planted, ...planted_in_schedules].map(({ code }) => code)), ...of_changes].toSorted()).toEqual(Object.keys(finding_kinds).toSorted())
  })
})

test('what looks wrong because somebody wrote between two reads is no violation', async () => {
  tricks.change = (record) => {
    if (record?.kind !== 'run' || record.task_id !== worked('running').id) return record
    tricks.change = (other) => other
    return undefined
  }
  expect(await audit(1)).toMatchObject({ unsettled: 0, violations: [] })
})

test('what moves at each look is not reported but counted, and reported once it stands still', async () => {
  await replace({ ...(await taskOf('running')), due_at: undefined })
  tricks.before = async () => void (await tricks.store.commit([{ op: 'replace_if_version', record: await taskOf('running') }]))
  expect(await audit(1)).toMatchObject({ unsettled: 1, violations: [] })
  tricks.before = async () => undefined
  expect((await audit(1)).violations).toHaveLength(1)
})

test('a class in which an attempt came or went just now is not judged by an index that may lag behind', async () => {
  const ref = refs.instance(ws(), worked('running').class_key)
  await commit({ op: 'add_within_limit', ref, change: { add: { running: 1, live: 1 }, set: { last_event_at: now() } }, conditions: [] })
  expect(await audit(4)).toMatchObject({ unsettled: 1, violations: [] })
  plane.advance(20_000)
  expect((await audit(4)).violations).toHaveLength(1)
})

test('one call looks at a bounded part, and its cursor is good for its invariant only', async () => {
  const { id } = await plane.makeAgent()
  for (let n = 0; n < 120; n += 1) await plane.accept({ agent_id: id, session_id: `many-${n}` })
  const first = await page(2)
  expect(first.checked).toBe(50)
  expect(await audit(2)).toEqual({ checked: 130, unsettled: 0, violations: [] })
  expect((await plane.call('GET', `/v1/audit?invariant=7&cursor=${first.next_cursor}`, { key })).status).toBe(400)
})
