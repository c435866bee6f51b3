import { expect, test } from 'vitest'
import { decideFinish } from './finish.ts'
import type { Ending, EndingState } from './ending.ts'
import { outcomes, stop_reasons, type Attempt, type Outcome } from '../run.ts'
import {
  attemptSample,
  boom,
  commandSample,
  counterWrites,
  deployment,
  heldSession,
  inSeconds,
  instanceSample,
  now,
  now_ms,
  runId,
  runSample,
  sessionSample,
  some_usage,
  stored,
  taskSample,
  test_usage,
  workspace_id,
  class_key,
  session_id,
  taskId,
} from '../samples.ts'
import { runUsage } from '../usage.ts'
import type { CommandParamsInput } from '../command.ts'

const end_ms = now_ms + 10_000
const stateOf = (attempt: Attempt, params: Partial<CommandParamsInput> = {}, changes: Partial<EndingState> = {}): EndingState => ({
  task: taskSample('running'),
  run: runSample(attempt.status === 'pending' || attempt.started_at === undefined ? 'accepted' : 'running', attempt),
  command: commandSample(params),
  instance: instanceSample(),
  session: heldSession(),
  ...changes,
})
const running = attemptSample('running')
const ending = (outcome: Outcome, changes: Partial<Ending> = {}): Ending => ({ attempt_no: 1, outcome, usage: test_usage, ...changes })
const once = { policy: { retry: { max_attempts: 1 } } }

const expected_ends = { ok: ['ok', 'done'], error: ['error', 'error'], timeout: ['timeout', 'error'], cancelled: ['cancelled', 'cancelled'] } as const

test.each(outcomes)('%s, with no try left, ends attempt, run and task', (outcome) => {
  const error = outcome === 'ok' || outcome === 'cancelled' ? undefined : boom
  const decision = decideFinish(stateOf(running, once), ending(outcome, { error, result: 'r', exit_code: 3 }), end_ms)
  const [status, state] = expected_ends[outcome]
  const [run] = stored(decision, 'run')
  const [task] = stored(decision, 'task')
  expect(decision.value).toEqual({ reported: 'ended' })
  expect(run).toMatchObject({
    status,
    ended_at: inSeconds(10),
    result: 'r',
    event_seq: 3,
    attempt: { status, ended_at: inSeconds(10), exit_code: 3, token_hash: 'f'.repeat(32) },
  })
  expect(run?.attempt).not.toHaveProperty('lost')
  expect([run !== undefined && 'error' in run && run.error, run !== undefined && 'error' in run.attempt && run.attempt.error]).toEqual([
    error ?? false,
    error ?? false,
  ])
  expect(task).toMatchObject({ state, finished_at: inSeconds(10) })
  expect(task).not.toHaveProperty('due_at')
  expect(stored(decision, 'event')).toMatchObject([{ seq: 3, event_type: 'finished', payload: { attempt_no: 1, outcome: status }, snapshot: { status } }])
  expect(stored(decision, 'place')).toEqual([])
})

test.each(outcomes.flatMap((outcome) => stop_reasons.map((stop_reason) => ({ outcome, stop_reason }))))(
  'an attempt that was told to stop for $stop_reason and says $outcome ends as it was told',
  ({ outcome, stop_reason }) => {
    const stopping = attemptSample('stopping', { stop_reason })
    const decision = decideFinish(stateOf(stopping, once), ending(outcome, { error: undefined }), end_ms)
    const told = { cancel: 'cancelled', timeout: 'timeout', budget: 'error' } as const
    const codes = { cancel: undefined, timeout: 'timeout', budget: 'budget_exceeded' } as const
    const [run] = stored(decision, 'run')
    expect(run?.attempt.status).toBe(told[stop_reason])
    expect(run?.attempt !== undefined && 'error' in run.attempt ? run.attempt.error?.code : undefined).toBe(codes[stop_reason])
    expect(counterWrites(decision)).toMatchObject([{ change: { add: { stopping: -1, live: -1 } } }])
  },
)

test.each(['pending', 'running', 'stopping'] as const)('the place of a %s attempt in its class is freed, and its session with it', (status) => {
  const decision = decideFinish(stateOf(attemptSample(status)), ending('ok'), end_ms)
  expect(counterWrites(decision)).toMatchObject([
    {
      change: { add: { [status]: -1, live: -1 }, set: { last_event_at: inSeconds(10), due_at: inSeconds(30) } },
      conditions: [],
    },
  ])
  const [session] = stored(decision, 'session')
  expect(session).toMatchObject({ fencing_token: 1, version: 3 })
  expect(session).not.toHaveProperty('owner')
  expect(session).not.toHaveProperty('due_at')
  expect(decision.signals).toEqual([{ kind: 'class', workspace_id, class_key }])
})

test('those who wait for the session are rung, and the session has a due time', () => {
  const decision = decideFinish(stateOf(running, {}, { session: heldSession({ waiting: true }) }), ending('ok'), end_ms)
  expect(stored(decision, 'session')).toMatchObject([{ waiting: true, due_at: inSeconds(30) }])
  expect(decision.signals).toContainEqual({ kind: 'session', workspace_id, session_id })
})

test.each([
  ['one that somebody else holds', sessionSample({ owner: { lease_owner: 'x:y', run_id: runId(2), attempt_id: `att_${'9'.repeat(26)}` } })],
  ['none', undefined],
])('the session is left alone: %s', (_, session) => {
  expect(stored(decideFinish(stateOf(running, {}, { session }), ending('ok'), end_ms), 'session')).toEqual([])
})

test.each([
  ['an attempt that has ended', stateOf(running, {}, { run: runSample('accepted', attemptSample('error')) }), ending('ok')],
  ['an older attempt', stateOf(attemptSample('running', { attempt_no: 2 })), ending('ok')],
  ['a newer attempt', stateOf(running), ending('ok', { attempt_no: 2 })],
])('a report about %s changes nothing', (_, state, report) => {
  expect(decideFinish(state, report, end_ms)).toEqual({ ok: true, writes: [], signals: [], value: { reported: 'unchanged' } })
})

const failing: readonly Outcome[] = ['error', 'timeout']

test.each(failing.flatMap((outcome) => [0, 5_000].map((delay_ms) => ({ outcome, delay_ms }))))(
  '$outcome is retried after $delay_ms ms, in the same run',
  ({ outcome, delay_ms }) => {
    const state = stateOf(running, { lane: 'a', policy: { retry: { max_attempts: 2, delay_ms } } })
    const decision = decideFinish({ ...state, run: { ...state.run, live_usage: some_usage } }, ending(outcome, { error: boom, result: 'r' }), end_ms)
    const [run] = stored(decision, 'run')
    expect(run).toMatchObject({ id: runId(1), status: 'accepted', event_seq: 3, attempt: { status: outcome, error: boom, usage: { input_tokens: 10 } } })
    for (const field of ['live_usage', 'ended_at', 'error', 'result']) expect(run).not.toHaveProperty(field)
    expect(stored(decision, 'event')).toMatchObject([
      { event_type: 'retry_scheduled', payload: { attempt_no: 1, outcome, delay_ms, error: { code: 'boom' } }, snapshot: { status: 'accepted' } },
    ])
    if (delay_ms === 0) {
      expect(stored(decision, 'task')).toMatchObject([{ state: 'queued', queued_at: inSeconds(10), due_at: inSeconds(70) }])
      expect(stored(decision, 'place')).toMatchObject([{ line: 'class', task_id: taskId(1), lane: 'a', version: 7 }])
    } else {
      expect(stored(decision, 'task')).toMatchObject([{ state: 'sleeping', wake_at: inSeconds(15), due_at: inSeconds(15) }])
      expect(stored(decision, 'place')).toEqual([])
      expect(decision.signals).toContainEqual({ kind: 'task', workspace_id, task_id: taskId(1), delay_ms: 5_000 })
    }
  },
)

test.each<[string, Ending, Attempt, number]>([
  ['ok', ending('ok'), running, 3],
  ['cancelled', ending('cancelled'), running, 3],
  ['said not to be retryable', ending('error', { error: { ...boom, retryable: false } }), running, 3],
  ['the last of its tries', ending('error', { attempt_no: 3 }), attemptSample('running', { attempt_no: 3 }), 3],
  ['told to stop by a client', ending('error'), attemptSample('stopping'), 3],
  ['told to stop by its budget', ending('error'), attemptSample('stopping', { stop_reason: 'budget' }), 3],
])('not retried: %s', (_, report, attempt, max_attempts) => {
  const decision = decideFinish(stateOf(attempt, { policy: { retry: { max_attempts } } }), report, end_ms)
  expect(stored(decision, 'event').map((event) => event.event_type)).toEqual(['finished'])
  expect(stored(decision, 'task')[0]).toHaveProperty('finished_at')
})

test('retried: an error that says nothing about it, a timeout that was ordered, and the try before the last', () => {
  const retry = { policy: { retry: { max_attempts: 3 } } }
  const decisions = [
    decideFinish(stateOf(running, retry), ending('error', { error: undefined }), end_ms),
    decideFinish(stateOf(attemptSample('stopping', { stop_reason: 'timeout' }), retry), ending('cancelled'), end_ms),
    decideFinish(stateOf(attemptSample('running', { attempt_no: 2 }), retry), ending('error', { attempt_no: 2 }), end_ms),
  ]
  expect(decisions.map((decision) => stored(decision, 'task')[0]?.state)).toEqual(['queued', 'queued', 'queued'])
})

test('a lost attempt is recovered: one event more, without a snapshot', () => {
  const decision = decideFinish(stateOf(running), ending('error', { lost: true, error: boom, usage: undefined }), end_ms)
  expect(stored(decision, 'run')).toMatchObject([{ event_seq: 4, attempt: { lost: true } }])
  expect(stored(decision, 'event').map(({ seq, event_type, snapshot }) => [seq, event_type, snapshot?.status])).toEqual([
    [3, 'orphan_recovered', undefined],
    [4, 'retry_scheduled', 'accepted'],
  ])
})

test('a lost attempt that was cancelled is cancelled, not recovered', () => {
  const decision = decideFinish(stateOf(attemptSample('stopping')), ending('error', { lost: true }), end_ms)
  expect(stored(decision, 'event').map((event) => event.event_type)).toEqual(['finished'])
})

test('usage: what the runner says at the end, else what it said last, and compute on top', () => {
  const state = stateOf(running, once)
  const said = decideFinish({ ...state, run: { ...state.run, live_usage: { ...some_usage, input_tokens: 99 } } }, ending('ok'), end_ms)
  expect(stored(said, 'run')).toMatchObject([{ attempt: { usage: { input_tokens: 10, model_usd: 0.25, compute_seconds: 10 } } }])
  const silent = decideFinish(
    { ...state, run: { ...state.run, live_usage: { ...some_usage, input_tokens: 99 } } },
    ending('error', { usage: undefined }),
    end_ms,
  )
  expect(stored(silent, 'task')).toMatchObject([{ usage: { input_tokens: 99, compute_seconds: 10 } }])
  expect(stored(silent, 'run')[0]).not.toHaveProperty('live_usage')
})

test('usage of a run is the sum of its attempts, of a task the sum of its runs', () => {
  const state = stateOf(running, once, { task: taskSample('running', { usage: { ...some_usage, input_tokens: 1_000 } }) })
  const decision = decideFinish({ ...state, run: { ...state.run, usage: { ...some_usage, input_tokens: 100 } } }, ending('ok'), end_ms)
  expect(stored(decision, 'run').map((run) => runUsage(run).input_tokens)).toEqual([110])
  expect(stored(decision, 'task')).toMatchObject([{ usage: { input_tokens: 1_110 } }])
})

test('an attempt that was never claimed used nothing', () => {
  const decision = decideFinish(stateOf(attemptSample('pending'), once), ending('error', { usage: undefined }), end_ms)
  expect(stored(decision, 'run')).toMatchObject([{ attempt: { usage: { compute_seconds: 0, compute_usd: 0 } } }])
})

test("what was saved is current with the end, file by file, under this attempt's token", () => {
  const attempt = attemptSample('running', { fencing_token: 5 })
  const checkpoint = { workspace: { fencing_token: 3, bytes: 30 }, transcript: { fencing_token: 3, bytes: 33 }, saved_at: now }
  const state = stateOf(attempt, {}, { session: heldSession({ fencing_token: 5, checkpoint }) })
  const saved = (report: Partial<Ending>) => stored(decideFinish(state, ending('ok', report), end_ms), 'session')[0]?.checkpoint
  expect(saved({})).toEqual(checkpoint)
  expect(saved({ saved: {} })).toEqual(checkpoint)
  expect(saved({ saved: { workspace_bytes: 50 } })).toEqual({
    workspace: { fencing_token: 5, bytes: 50 },
    transcript: { fencing_token: 3, bytes: 33 },
    saved_at: inSeconds(10),
  })
  expect(saved({ saved: { transcript_bytes: 55 } })).toEqual({
    workspace: { fencing_token: 3, bytes: 30 },
    transcript: { fencing_token: 5, bytes: 55 },
    saved_at: inSeconds(10),
  })
})

test('the queue timeout of a retry counts from its new time in line', () => {
  const state = (delay_ms: number) =>
    stateOf(
      running,
      { queue_timeout_ms: 20_000, policy: { retry: { max_attempts: 2, delay_ms } } },
      { task: taskSample('running', { queue_timeout_at: inSeconds(1) }) },
    )
  expect(stored(decideFinish(state(0), ending('error'), end_ms), 'task')).toMatchObject([{ queue_timeout_at: inSeconds(30), due_at: inSeconds(30) }])
  const [sleeping] = stored(decideFinish(state(5_000), ending('error'), end_ms), 'task')
  expect(sleeping).toMatchObject({ state: 'sleeping', due_at: inSeconds(15) })
  expect(sleeping).not.toHaveProperty('queue_timeout_at')
  expect(
    stored(decideFinish(stateOf(running, once, { task: taskSample('running', { queue_timeout_at: inSeconds(1) }) }), ending('ok'), end_ms), 'task')[0],
  ).not.toHaveProperty('queue_timeout_at')
})

test('one commit writes each thing once, on its version', () => {
  const decision = decideFinish(stateOf(running), ending('error'), deployment.lease_ms + now_ms)
  expect(decision.writes.map((write) => `${write.op} ${'record' in write ? write.record.kind : write.ref.kind}`).toSorted()).toEqual([
    'add_within_limit instance',
    'put_if_absent event',
    'put_if_absent place',
    'replace_if_version run',
    'replace_if_version session',
    'replace_if_version task',
  ])
  expect([stored(decision, 'run')[0]?.version, stored(decision, 'task')[0]?.version, stored(decision, 'session')[0]?.version]).toEqual([4, 7, 3])
})
