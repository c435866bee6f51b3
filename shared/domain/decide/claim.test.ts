import { expect, test } from 'vitest'
import { deadlineMs, decideClaim, storedTokenHash, decideHeartbeat, type ClaimRequest } from './claim.ts'
import { attemptSample, boom, counterWrites, deployment, inSeconds, now, now_ms, runSample, some_usage, stored, test_usage } from '../samples.ts'
import type { Run } from '../run.ts'

const request: ClaimRequest = { attempt_no: 1, claim_token: 'claim', attempt_token_hash: 'e'.repeat(64), execution_id: 'arn:2' }
const later_ms = now_ms + 5_000

test('the launched sandbox takes its attempt: it runs, has a lease, and the class counts it as running', () => {
  const decision = decideClaim(runSample('accepted'), request, deployment, later_ms)
  if (!decision.ok) throw new Error(decision.detail)
  const [run] = stored(decision, 'run')
  expect(run).toMatchObject({
    status: 'running',
    started_at: inSeconds(5),
    event_seq: 3,
    attempt: {
      status: 'running',
      started_at: inSeconds(5),
      token_hash: storedTokenHash(request.attempt_token_hash),
      execution_id: 'arn:2',
      lease_expires_at: inSeconds(50),
    },
  })
  expect(run?.attempt).not.toHaveProperty('claim_token')
  expect(stored(decision, 'event')).toMatchObject([
    { seq: 3, event_type: 'started', payload: { attempt_no: 1, strategy: 'primary' }, snapshot: { status: 'running' } },
  ])
  expect(counterWrites(decision)).toMatchObject([{ change: { add: { pending: -1, running: 1 } }, conditions: [] }])
  expect(decision.value).toEqual(run)
})

test('a later attempt leaves the start of the run as it was', () => {
  const run = runSample('accepted', attemptSample('pending', { attempt_no: 2, strategy: 'retry' }), { started_at: inSeconds(-60) })
  const decision = decideClaim(run, { ...request, attempt_no: 2 }, deployment, later_ms)
  expect(decision).toMatchObject({ ok: true, value: { started_at: inSeconds(-60), attempt: { started_at: inSeconds(5) } } })
})

test('a repeat by the same runner changes nothing and gets the same', () => {
  const run = runSample('running', attemptSample('running', { token_hash: storedTokenHash(request.attempt_token_hash) }))
  expect(decideClaim(run, request, deployment, later_ms)).toEqual({ ok: true, writes: [], signals: [], value: run })
})

test.each<[string, Run, Partial<ClaimRequest>]>([
  ['another runner', runSample('running'), {}],
  ['a wrong claim token', runSample('accepted'), { claim_token: 'other' }],
  ['an older attempt', runSample('accepted', attemptSample('pending', { attempt_no: 2 })), {}],
  ['a newer attempt', runSample('accepted'), { attempt_no: 2 }],
  ['an attempt that was told to stop', runSample('accepted', attemptSample('stopping', { started_at: undefined })), {}],
  [
    'an attempt that stops, by its own runner',
    runSample('running', attemptSample('stopping', { token_hash: storedTokenHash(request.attempt_token_hash) })),
    {},
  ],
  ['an ended attempt', runSample('accepted', attemptSample('error', { token_hash: storedTokenHash(request.attempt_token_hash) })), {}],
  ['a cancelled run', runSample('cancelled', attemptSample('error')), {}],
  ['a run that is over', runSample('ok'), {}],
  ['a pending attempt of a run that is over', runSample('error', attemptSample('pending')), {}],
])('a claim is rejected: %s', (_, run, changes) => {
  expect(decideClaim(run, { ...request, ...changes }, deployment, later_ms)).toMatchObject({ ok: false, code: 'claim_rejected' })
})

test('a heartbeat renews the lease and keeps the usage', () => {
  const decision = decideHeartbeat(runSample('running'), test_usage, deployment, later_ms)
  expect(decision.value).toEqual({ order: 'go_on', lease_expires_at: inSeconds(50) })
  expect(stored(decision, 'run')).toMatchObject([
    { status: 'running', attempt: { status: 'running', lease_expires_at: inSeconds(50) }, live_usage: { input_tokens: 10 }, event_seq: 2 },
  ])
  expect(stored(decideHeartbeat(runSample('running'), undefined, deployment, later_ms), 'run')[0]).not.toHaveProperty('live_usage')
})

test('a heartbeat without usage keeps what was reported before', () => {
  const run = runSample('running', undefined, { live_usage: some_usage })
  expect(stored(decideHeartbeat(run, undefined, deployment, later_ms), 'run')).toMatchObject([{ live_usage: some_usage }])
})

test.each(['cancel', 'timeout', 'budget'] as const)('one that was told to stop for %s hears it again, and its lease is not renewed', (stop_reason) => {
  const decision = decideHeartbeat(runSample('running', attemptSample('stopping', { stop_reason })), test_usage, deployment, later_ms)
  expect(decision).toEqual({ ok: true, writes: [], signals: [], value: { order: 'stop', stop_reason, lease_expires_at: inSeconds(5) } })
})

test('one that has ended is told to stop', () => {
  expect(decideHeartbeat(runSample('error', attemptSample('error', { error: boom })), undefined, deployment, later_ms)).toMatchObject({
    writes: [],
    value: { order: 'stop', stop_reason: 'cancel' },
  })
})

test('an attempt has its timeout and the grace; 0 and too much are the longest of the deployment', () => {
  const grace_ms = now_ms + deployment.stop_grace_ms
  expect(deadlineMs(now, 60_000, deployment)).toBe(grace_ms + 60_000)
  expect(deadlineMs(now, 0, deployment)).toBe(grace_ms + deployment.timeout_ms_max)
  expect(deadlineMs(now, deployment.timeout_ms_max + 1, deployment)).toBe(grace_ms + deployment.timeout_ms_max)
})
