import { expect, test } from 'vitest'
import type { Json } from '../template/template.ts'
import { matchesPattern } from './pattern.ts'

const event: Json = {
  source: 'aws.ecs',
  'detail-type': 'ECS Task State Change',
  detail: {
    lastStatus: 'STOPPED',
    version: 4,
    group: 'family:lanekeeper-rw',
    tags: ['a', 'b'],
    none: null,
    parts: [
      { name: 'one', code: 0 },
      { name: 'two', code: 143 },
    ],
  },
}

test.each<[Json, boolean]>([
  [{ source: ['aws.ecs'] }, true],
  [{ source: ['aws.ec2', 'aws.ecs'], 'detail-type': ['ECS Task State Change'] }, true],
  [{ source: ['aws.ec2'] }, false],
  [{ detail: { lastStatus: ['STOPPED'], version: [4] } }, true],
  [{ detail: { lastStatus: ['RUNNING'] } }, false],
  [{ detail: { version: ['4'] } }, false],
  [{ detail: { missing: ['x'] } }, false],
  [{ detail: { none: [null] } }, true],
  [{ detail: { tags: ['b'] } }, true],
  [{ detail: { group: [{ prefix: 'family:' }] } }, true],
  [{ detail: { group: [{ suffix: '-ro' }] } }, false],
  [{ detail: { group: [{ suffix: '-ro' }, { suffix: '-rw' }] } }, true],
  [{ detail: { lastStatus: [{ 'anything-but': ['RUNNING', 'PENDING'] }] } }, true],
  [{ detail: { lastStatus: [{ 'anything-but': 'STOPPED' }] } }, false],
  [{ detail: { group: [{ 'anything-but': { prefix: 'family:' } }] } }, false],
  [{ detail: { missing: [{ exists: false }] } }, true],
  [{ detail: { missing: [{ exists: true }] } }, false],
  [{ detail: { lastStatus: [{ exists: false }] } }, false],
  [{ detail: { version: [{ numeric: ['>', 3, '<=', 4] }] } }, true],
  [{ detail: { version: [{ numeric: ['>', 4] }] } }, false],
  [{ detail: { parts: { name: ['two'], code: [143] } } }, true],
  // Both must hold of the same one.
  [{ detail: { parts: { name: ['one'], code: [{ 'anything-but': [0] }] } } }, false],
  [{ detail: { parts: { name: ['three'] } } }, false],
  [{ detail: { $or: [{ version: [5] }, { lastStatus: ['STOPPED'] }] } }, true],
  [{ detail: { group: ['family:lanekeeper-rw'], $or: [{ version: [5] }, { version: [6] }] } }, false],
  [{ detail: { lastStatus: [{ 'equals-ignore-case': 'stopped' }] } }, true],
])('%j', (pattern, expected) => {
  expect(matchesPattern(pattern, event)).toBe(expected)
})

test('a filter that is not known is named, and a pattern that is none is refused', () => {
  expect(() => matchesPattern({ source: [{ cidr: '10.0.0.0/8' }] }, event)).toThrow(/cidr/)
  expect(() => matchesPattern({ source: 'aws.ecs' }, event)).toThrow(/aws\.ecs/)
})
