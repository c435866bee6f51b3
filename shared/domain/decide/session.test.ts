import { expect, test } from 'vitest'
import { decideHandOver, decideReconcile, releasedSession } from './session.ts'
import {
  attemptId,
  attemptSample,
  class_key,
  counterWrites,
  heldSession,
  inSeconds,
  now,
  now_ms,
  placeSample,
  runId,
  runSample,
  session_id,
  sessionSample,
  workspace_id,
} from '../samples.ts'
import { refOf } from '../../store/keys.ts'

const nothing = { ok: true, writes: [], signals: [], value: undefined }

test('a released session keeps its token and its files, and is due where somebody waits', () => {
  const checkpoint = { workspace: { fencing_token: 1, bytes: 1 }, saved_at: now }
  const released = releasedSession(heldSession({ checkpoint, fencing_token: 9 }), undefined, now_ms)
  expect(released).toMatchObject({ fencing_token: 9, checkpoint })
  expect(released).not.toHaveProperty('owner')
  expect(released).not.toHaveProperty('due_at')
  expect(releasedSession(heldSession({ waiting: true }), checkpoint, now_ms)).toMatchObject({ waiting: true, due_at: inSeconds(30), checkpoint })
})

test.each([
  ['ended', runSample('error', attemptSample('error'))],
  ['was replaced by a later one', runSample('running', attemptSample('running', { id: attemptId(2), attempt_no: 2 }))],
  ['is gone with its run', undefined],
])('a lease is released whose attempt %s, on the version that was read', (_, run) => {
  const decision = decideReconcile(heldSession(), run, now_ms)
  expect(decision.writes).toEqual([{ op: 'replace_if_version', record: sessionSample({ updated_at: now, last_run_id: runId(1) }) }])
  expect(decision.signals).toEqual([{ kind: 'session', workspace_id, session_id }])
})

test.each(['pending', 'running', 'stopping'] as const)('a lease is kept whose attempt is %s', (status) => {
  expect(decideReconcile(heldSession(), runSample(status === 'pending' ? 'accepted' : 'running', attemptSample(status)), now_ms)).toEqual(nothing)
})

test.each(['nobody', 'lanekeeper:', `lanekeeper:${attemptId(2)}`, 'another-plane:its-execution'])(
  'a lease is left alone whose owner %j cannot be known',
  (lease_owner) => {
    const { owner } = heldSession()
    expect(decideReconcile(heldSession({ owner: { ...owner, lease_owner } }), undefined, now_ms)).toEqual(nothing)
  },
)

test('a free session has nothing to release', () => {
  expect(decideReconcile(sessionSample(), undefined, now_ms)).toEqual(nothing)
})

test('a free session hands the head of its line back to its class, and both stay due', () => {
  const head = placeSample({ line: 'session' })
  const decision = decideHandOver(sessionSample({ waiting: true, due_at: now }), head, now_ms)
  expect(decision.writes.slice(0, 3)).toEqual([
    { op: 'delete_if_version', ref: refOf(head), version: 7 },
    { op: 'put_if_absent', record: placeSample() },
    { op: 'replace_if_version', record: sessionSample({ waiting: true, due_at: inSeconds(30), updated_at: now }) },
  ])
  expect(counterWrites(decision)).toMatchObject([{ change: { set: { due_at: inSeconds(30) } } }])
  expect(decision.signals).toEqual([{ kind: 'class', workspace_id, class_key }])
})

test('with nobody left it is at rest', () => {
  const decision = decideHandOver(sessionSample({ waiting: true, due_at: now }), undefined, now_ms)
  expect(decision.writes).toEqual([{ op: 'replace_if_version', record: sessionSample({ updated_at: now }) }])
})

test('a session that is held, or that nobody waits for, hands nothing over', () => {
  expect(decideHandOver(heldSession({ waiting: true }), placeSample({ line: 'session' }), now_ms)).toEqual(nothing)
  expect(decideHandOver(sessionSample(), placeSample({ line: 'session' }), now_ms)).toEqual(nothing)
})
