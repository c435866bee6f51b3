import { expect, test } from 'vitest'
import { extractLeaseExecutionId, leaseOwner } from './session.ts'

test.each([
  ['worker:execution', 'execution'],
  ['worker:arn:aws:ecs:task/1', 'arn:aws:ecs:task/1'],
  ['worker:', ''],
  [':execution', 'execution'],
  ['worker', undefined],
  ['', undefined],
])('the execution of the owner %j is %j', (owner, execution) => {
  expect(extractLeaseExecutionId(owner)).toBe(execution)
})

test('an owner names its execution', () => {
  expect(extractLeaseExecutionId(leaseOwner('lanekeeper', 'att_1'))).toBe('att_1')
})
