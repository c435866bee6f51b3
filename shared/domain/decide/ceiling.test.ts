import { expect, test } from 'vitest'
import { Ceiling, Turn, type CeilingOwner } from '../ceiling.ts'
import { instanceSample, now_ms } from '../samples.ts'
import { newCeiling, passable } from './ceiling.ts'

const own_class = instanceSample()
const { workspace_id } = own_class

const ceiling = (free: number, owner: CeilingOwner = workspace_id): Ceiling => {
  const { counting_since: _, ...counted } = newCeiling(owner, 5, now_ms)
  return Ceiling.parse({ ...counted, live: 5 - free })
}
const turn = (rank: number, class_key: string, owner: CeilingOwner = workspace_id): Turn =>
  Turn.parse({ kind: 'turn', owner, workspace_id, class_key, rank, version: 1 })
const other = (rank: number) => turn(rank, `execclass_${String(rank).padStart(32, 'f')}`)
const own = turn(3, own_class.class_key)
const own_elsewhere = turn(1, own_class.class_key, 'deployment')

test.each([
  ['without a turn, all that is free', 3, [], undefined, 3],
  ['without a turn, nobody who stands before is overtaken', 2, [other(1), other(2)], undefined, 0],
  ['without a turn, what is left beyond those before', 3, [other(1)], undefined, 2],
  ['with the first turn, one', 2, [own], own, 1],
  ['with a turn within what is free, one', 3, [other(1), other(2), own], own, 1],
  ['with a turn beyond what is free, none', 2, [other(1), other(2), own], own, 0],
  ['with a turn, none where nothing is free', 0, [own], own, 0],
  ['with a turn of the deployment, one free place is enough', 1, [other(1)], own_elsewhere, 1],
  ['with a turn of the deployment, none where nothing is free', 0, [], own_elsewhere, 0],
])('%s', (_, free, heads, turn_of_class, count) => {
  expect(passable(ceiling(free), heads, turn_of_class)).toBe(count)
})

test('with a turn of the workspace, nobody is overtaken in the line of the deployment', () => {
  expect(passable(ceiling(1, 'deployment'), [turn(1, `execclass_${'f'.repeat(32)}`, 'deployment')], own)).toBe(0)
})

test('nothing passes while what was live before is being counted', () => {
  expect(passable(newCeiling(workspace_id, 5, now_ms), [], undefined)).toBe(0)
})
