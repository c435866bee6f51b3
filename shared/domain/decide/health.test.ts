import { expect, test } from 'vitest'
import { decideFinish } from './finish.ts'
import type { Outcome } from '../run.ts'
import type { Session } from '../session.ts'
import {
  attemptSample,
  commandSample,
  counterWrites,
  heldSession,
  inSeconds,
  instanceSample,
  now,
  now_ms,
  runSample,
  sessionSample,
  taskSample,
} from '../samples.ts'

const running = attemptSample('running')
const failing = ['error', 'timeout'] as const
const state = { task: taskSample('running'), run: runSample('running', running), command: commandSample({ policy: { retry: { max_attempts: 1 } } }) }

/** What the end of an attempt writes to its class. */
const countersAfter = (outcome: Outcome, changes: object, session: Session = heldSession()) =>
  counterWrites(decideFinish({ ...state, session, instance: instanceSample(changes) }, { attempt_no: 1, outcome }, now_ms + 10_000))[0]

test('a success makes its class healthy', () => {
  expect(countersAfter('ok', { failures: 7, cooldown_until: now })).toMatchObject({
    change: { set: { failures: 0, due_at: inSeconds(30) }, remove: ['cooldown_until'] },
  })
})

test('a cancelled attempt is no failure and no success', () => {
  const write = countersAfter('cancelled', { failures: 3 })
  expect(write?.change.add).not.toHaveProperty('failures')
  expect(write?.change.set).not.toHaveProperty('failures')
  expect(write?.conditions).toEqual([])
})

test.each(failing)('an attempt that ends with %s counts, on the condition that the class is as healthy as it seemed', (outcome) => {
  const write = countersAfter(outcome, { failures: 2 })
  expect(write).toMatchObject({ change: { add: { failures: 1 }, set: { due_at: inSeconds(30) } } })
  expect(write?.conditions).toContainEqual({ field: 'failures', is: 'at_most', value: 3 })
  expect(write?.change.set).not.toHaveProperty('cooldown_until')
})

test('the failure that reaches the threshold starts the cool-down, a failed probe a longer one', () => {
  expect(countersAfter('error', { failures: 4 })).toMatchObject({
    change: { add: { failures: 1 }, set: { cooldown_until: inSeconds(70), due_at: inSeconds(70) } },
  })
  expect(countersAfter('error', { failures: 4 })?.conditions).toContainEqual({ field: 'failures', is: 'at_least', value: 4 })
  expect(countersAfter('error', { failures: 5, cooldown_until: now })).toMatchObject({
    change: { add: { failures: 1 }, set: { cooldown_until: inSeconds(130) } },
  })
})

test('a failure within the cool-down was no probe: it changes nothing of it', () => {
  const write = countersAfter('error', { failures: 5, cooldown_until: inSeconds(40) })
  expect(write?.change.add).not.toHaveProperty('failures')
  expect(write).toMatchObject({ change: { set: { cooldown_until: inSeconds(40), due_at: inSeconds(40) } } })
  expect(write?.conditions).toContainEqual({ field: 'failures', is: 'at_least', value: 5 })
})

test.each(failing)('an attempt that saved a turn before its %s has worked: the count of failures begins anew', (outcome) => {
  const after = (fencing_token: number, changes: object) =>
    countersAfter(outcome, changes, sessionSample({ checkpoint: { transcript: { fencing_token, bytes: 1 }, saved_at: now } }))
  const { fencing_token } = running
  const degraded = after(fencing_token, { failures: 7, cooldown_until: inSeconds(40) })
  expect(degraded).toMatchObject({ change: { set: { failures: 1, due_at: inSeconds(30) }, remove: ['cooldown_until'] }, conditions: [] })
  expect(degraded?.change.add).not.toHaveProperty('failures')
  expect(after(fencing_token + 1, { failures: 2 })).toMatchObject({ change: { add: { failures: 1 } } })
  expect(after(fencing_token, { failures: 0, failed_attempt_threshold: 1 })).toMatchObject({ change: { set: { failures: 1, cooldown_until: inSeconds(70) } } })
})
