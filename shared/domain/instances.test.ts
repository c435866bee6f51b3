import { expect, test } from 'vitest'
import { cooldownUntil, healthOf, limitOf, newInstance, roomOf } from './instances.ts'
import { agentSample, inSeconds, instanceSample, now_ms, placeSample } from './samples.ts'

test.each([
  [0, 5, 'healthy'],
  [2, 5, 'healthy'],
  [3, 5, 'warning'],
  [4, 5, 'warning'],
  [5, 5, 'degraded'],
  [9, 5, 'degraded'],
  [0, 1, 'healthy'],
  [1, 1, 'degraded'],
  [1, 2, 'warning'],
  [2, 2, 'degraded'],
  [1, 4, 'healthy'],
  [2, 4, 'warning'],
])('%i failures of %i are %s', (failures, failed_attempt_threshold, health) => {
  expect(healthOf({ failures, failed_attempt_threshold })).toBe(health)
})

test('the cool-down doubles with each failed probe, from 1 to 15 minutes', () => {
  const minutes = [5, 6, 7, 8, 9, 10, 1_000].map((failures) => (Date.parse(cooldownUntil({ failures, failed_attempt_threshold: 5 }, now_ms)) - now_ms) / 60_000)
  expect(minutes).toEqual([1, 2, 4, 8, 15, 15, 15])
})

test("the limit is an operator's, else 1 for a lane, else the agent's", () => {
  const agent = agentSample({}, { concurrency: 7 })
  expect(limitOf(agent, {})).toBe(7)
  expect(limitOf(agent, { lane: 'a' })).toBe(1)
  expect(limitOf(agent, { lane: 'a', desired_limit: 4 })).toBe(4)
  expect(limitOf(agent, { desired_limit: 0 })).toBe(0)
})

test.each([
  ['free places', { limit: 3, live: 1 }, 2],
  ['none where it is full', { limit: 3, live: 3 }, 0],
  ['none where the limit was lowered', { limit: 1, live: 3 }, 0],
  ['one probe where a degraded class has cooled down', { failures: 5, limit: 3, live: 0, cooldown_until: inSeconds(0) }, 1],
  ['one probe where it has no cool-down', { failures: 5, limit: 3, live: 0 }, 1],
  ['no probe before', { failures: 5, limit: 3, live: 0, cooldown_until: inSeconds(1) }, 0],
  ['no second probe', { failures: 5, limit: 3, live: 1, cooldown_until: inSeconds(0) }, 0],
  ['no probe where nothing may run', { failures: 5, limit: 0, live: 0 }, 0],
])('room: %s', (_, changes, room) => {
  expect(roomOf(instanceSample(changes), now_ms)).toBe(room)
})

test('a class begins with nothing live, and with the limit of its agent or its lane', () => {
  const agent = agentSample({}, { concurrency: 7 })
  const begun = { limit: 7, live: 0, pending: 0, running: 0, stopping: 0, failures: 0, failed_attempt_threshold: 5, version: 1 }
  expect(newInstance(placeSample(), agent, 5, now_ms)).toMatchObject(begun)
  expect(newInstance(placeSample({ lane: 'a' }), agent, 5, now_ms)).toMatchObject({ ...begun, lane: 'a', limit: 1 })
})
