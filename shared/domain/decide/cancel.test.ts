import { expect, test } from 'vitest'
import { decideArchive, decideCancel, decideDrop, decideRetry, decideStop } from './cancel.ts'
import { drop_reasons, task_states } from '../task.ts'
import { refOf } from '../../store/keys.ts'
import {
  attemptSample,
  class_key,
  commandSample,
  counterWrites,
  inSeconds,
  now,
  now_ms,
  placeSample,
  runId,
  runSample,
  some_usage,
  stored,
  taskId,
  taskSample,
  workspace_id,
} from '../samples.ts'

const later_ms = now_ms + 10_000
const idle = runSample('accepted', attemptSample('error'))

test.each(['queued', 'sleeping'] as const)('a %s task that never ran is cancelled at once, and leaves the line', (state) => {
  const task = taskSample(state, { target_run_id: undefined, queue_timeout_at: inSeconds(99) })
  const place = state === 'queued' ? placeSample() : undefined
  const decision = decideCancel({ task, run: undefined, place }, later_ms)
  const [cancelled] = stored(decision, 'task')
  expect(cancelled).toMatchObject({ state: 'cancelled', finished_at: inSeconds(10), version: 7 })
  for (const field of ['due_at', 'queue_timeout_at', 'wake_at', 'usage']) expect(cancelled).not.toHaveProperty(field)
  expect(decision.writes.filter((write) => write.op === 'delete_if_version')).toEqual(
    place === undefined ? [] : [{ op: 'delete_if_version', ref: refOf(place), version: 7 }],
  )
  expect(decision.signals).toEqual([])
  expect(decision.value).toEqual({ task: cancelled })
})

test.each(['queued', 'sleeping'] as const)('a %s task between two attempts takes its run with it, and what that has used', (state) => {
  const decision = decideCancel({ task: taskSample(state, { usage: some_usage }), run: idle, place: undefined }, later_ms)
  expect(stored(decision, 'task')).toMatchObject([{ state: 'cancelled', usage: { input_tokens: 20, model_usd: 1 } }])
  expect(stored(decision, 'run')).toMatchObject([{ status: 'cancelled', ended_at: inSeconds(10), event_seq: 3 }])
  expect(stored(decision, 'event')).toMatchObject([{ seq: 3, event_type: 'finished', payload: { outcome: 'cancelled' }, snapshot: { status: 'cancelled' } }])
})

test('a task in line again after its run ended leaves that run alone', () => {
  const decision = decideCancel({ task: taskSample('queued', { usage: some_usage }), run: runSample('error'), place: placeSample() }, later_ms)
  expect(stored(decision, 'run')).toEqual([])
  expect(stored(decision, 'task')).toMatchObject([{ usage: some_usage }])
})

test.each(['pending', 'running'] as const)('a %s attempt is told to stop, and holds its place until it is gone', (status) => {
  const run = runSample(status === 'pending' ? 'accepted' : 'running', attemptSample(status))
  const decision = decideCancel({ task: taskSample('running'), run, place: undefined }, later_ms)
  const [told] = stored(decision, 'run')
  expect(told).toMatchObject({
    status: run.status,
    event_seq: 3,
    attempt: { status: 'stopping', stop_reason: 'cancel', stop_requested_at: inSeconds(10), fencing_token: 1 },
  })
  expect(told?.attempt).not.toHaveProperty('claim_token')
  if (status === 'running')
    expect(told?.attempt).toMatchObject({ started_at: now, token_hash: 'f'.repeat(32), execution_id: 'arn:1', lease_expires_at: inSeconds(45) })
  else expect(told?.attempt).not.toHaveProperty('started_at')
  expect(stored(decision, 'task')).toMatchObject([{ state: 'running', due_at: inSeconds(10) }])
  expect(stored(decision, 'event')).toMatchObject([{ seq: 3, event_type: 'cancel_requested', payload: { attempt_no: 1, reason: 'cancel' } }])
  expect(stored(decision, 'event')[0]).not.toHaveProperty('snapshot')
  expect(counterWrites(decision)).toMatchObject([{ change: { add: { [status]: -1, stopping: 1 } }, conditions: [] }])
  expect(decision.value.live).toEqual({ run_id: runId(1), attempt_no: 1, status })
  expect(decision.signals).toEqual([{ kind: 'task', workspace_id, task_id: taskId(1), delay_ms: 0 }])
})

test('cancelling twice changes nothing, and says again what is live', () => {
  const decision = decideCancel({ task: taskSample('running'), run: runSample('running', attemptSample('stopping')), place: undefined }, later_ms)
  expect(decision.writes).toEqual([])
  expect(decision.value.live).toEqual({ run_id: runId(1), attempt_no: 1, status: 'stopping' })
})

test('a cancel wins over a timeout that is on its way, not the other way round', () => {
  const timing_out = runSample('running', attemptSample('stopping', { stop_reason: 'timeout' }))
  const firmer = decideCancel({ task: taskSample('running'), run: timing_out, place: undefined }, later_ms)
  expect(stored(firmer, 'run')).toMatchObject([{ attempt: { stop_reason: 'cancel' }, event_seq: 2 }])
  expect(counterWrites(firmer)).toEqual([])
  const cancelled = runSample('running', attemptSample('stopping', { stop_reason: 'cancel' }))
  expect(decideStop(taskSample('running'), cancelled, 'timeout', later_ms).writes).toEqual([])
  expect(decideStop(taskSample('running'), timing_out, 'timeout', later_ms).writes).toEqual([])
})

test.each(['done', 'error', 'dropped', 'cancelled'] as const)('cancelling a %s task changes nothing', (state) => {
  const task = taskSample(state)
  expect(decideCancel({ task, run: runSample('ok'), place: undefined }, later_ms)).toMatchObject({
    writes: [],
    signals: [],
    value: { task, run: { status: 'ok' } },
  })
})

test('what the records cannot be is a bug', () => {
  expect(() => decideCancel({ task: taskSample('running'), run: undefined, place: undefined }, later_ms)).toThrow('has no run')
  expect(() => decideCancel({ task: taskSample('running'), run: idle, place: undefined }, later_ms)).toThrow('has no live attempt')
})

test.each(drop_reasons)('a queued task is dropped with the reason %s', (dropped_reason) => {
  const decision = decideDrop({ task: taskSample('queued', { queue_timeout_at: now }), run: idle, place: placeSample() }, dropped_reason, later_ms)
  const [task] = stored(decision, 'task')
  expect(task).toMatchObject({ state: 'dropped', dropped_reason, finished_at: inSeconds(10), usage: some_usage })
  for (const field of ['due_at', 'queue_timeout_at']) expect(task).not.toHaveProperty(field)
  expect(stored(decision, 'run')).toMatchObject([{ status: 'error', ended_at: inSeconds(10) }])
  expect(decision.writes).toContainEqual({ op: 'delete_if_version', ref: refOf(placeSample()), version: 7 })
})

const archivable: readonly string[] = ['waiting', 'done', 'error', 'dropped', 'cancelled']

test.each(task_states)('archiving a %s task', (state) => {
  const decision = decideArchive(taskSample(state), later_ms)
  if (!archivable.includes(state))
    expect(decision).toMatchObject({
      ok: false,
      code: 'illegal_state',
      errors: [{ field: 'state', value: state, allowed: expect.arrayContaining([...archivable]) }],
    })
  else expect(decision).toMatchObject({ ok: true, writes: [{ op: 'replace_if_version', record: { state, archived_at: inSeconds(10), version: 7 } }] })
})

test('archiving twice is fine and changes nothing', () => {
  const task = taskSample('done', { archived_at: now })
  expect(decideArchive(task, later_ms)).toEqual({ ok: true, writes: [], signals: [], value: task })
})

const retryable: readonly string[] = ['done', 'error', 'dropped', 'cancelled']

test.each(task_states)('retrying a %s task', (state) => {
  const decision = decideRetry(taskSample(state), commandSample(), later_ms)
  if (!retryable.includes(state))
    expect(decision).toMatchObject({ ok: false, code: 'illegal_state', errors: [{ field: 'state', value: state, allowed: retryable }] })
  else
    expect(decision).toMatchObject({
      ok: true,
      value: { state: 'queued', queued_at: inSeconds(10), accepted_at: now, due_at: inSeconds(70), target_run_id: runId(1) },
    })
})

test('a retried task stands in line with its label, lane and priority, is no longer archived, and its class is rung', () => {
  const task = taskSample('error', { label: 'l', priority: 'urgent', archived_at: now, usage: some_usage })
  const decision = decideRetry(task, commandSample({ lane: 'a', queue_timeout_ms: 5_000 }), later_ms)
  if (!decision.ok) throw new Error(decision.detail)
  const [queued] = stored(decision, 'task')
  expect(queued).toMatchObject({ label: 'l', usage: some_usage, queue_timeout_at: inSeconds(15), due_at: inSeconds(15) })
  for (const field of ['archived_at', 'finished_at', 'dispatched_at', 'dropped_reason']) expect(queued).not.toHaveProperty(field)
  expect(stored(decision, 'place')).toMatchObject([{ line: 'class', rank: 0, lane: 'a', task_id: taskId(1), version: 7 }])
  expect(decision.signals).toEqual([{ kind: 'class', workspace_id, class_key }])
})
