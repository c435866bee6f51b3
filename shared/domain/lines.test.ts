import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { priorities } from './command.ts'
import { placeInLine, standsBefore } from './lines.ts'
import { placeSample, taskId, taskSample } from './samples.ts'
import { refOf } from '../store/keys.ts'

test('urgent stands before high, normal and low, and who came first before who came later', () => {
  const places = priorities.flatMap((priority) => [2, 1].map((n) => placeInLine(taskSample('queued', { id: taskId(n), priority }), undefined)))
  const sorted = places.toSorted((a, b) => (standsBefore(a, b) ? -1 : 1))
  expect(sorted.map((place) => `${place.rank} ${place.task_id.at(-1)}`)).toEqual(['0 1', '0 2', '1 1', '1 2', '2 1', '2 2', '3 1', '3 2'])
})

test('the order of keys in the table is the order of the line', () => {
  const place = fc.record({ rank: fc.nat(3), n: fc.nat(9_999) }).map(({ rank, n }) => placeSample({ rank, task_id: taskId(n) }))
  fc.assert(
    fc.property(place, place, (a, b) => {
      expect(standsBefore(a, b)).toBe(refOf(a).sk < refOf(b).sk)
    }),
  )
})

test('a place is of the task as it stands in line: its class, session, lane, and version', () => {
  expect(placeInLine(taskSample('queued', { version: 12 }), 'a')).toEqual(placeSample({ lane: 'a', version: 12 }))
  expect(placeInLine(taskSample('queued'), undefined)).not.toHaveProperty('lane')
})
