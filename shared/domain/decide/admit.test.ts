import { expect, test } from 'vitest'
import { decideAdmit, decideWait, type Candidate } from './admit.ts'
import { SessionId } from '../ids.ts'
import {
  attemptId,
  attemptSample,
  commandSample,
  counterWrites,
  heldSession,
  inSeconds,
  instanceSample,
  now_ms,
  placeSample,
  runId,
  runSample,
  sessionSample,
  stored,
  taskId,
  taskSample,
} from '../samples.ts'
import { refOf } from '../../store/keys.ts'

const later_ms = now_ms + 10_000
/** DynamoDB takes no more in one transaction. */
const transact_writes_max = 100
const candidate = (n: number, changes: Partial<Candidate> = {}): Candidate => {
  const name = { id: taskId(n), session_id: SessionId.parse(`s${n}`), target_run_id: undefined }
  return {
    place: placeSample({ task_id: name.id, session_id: name.session_id }),
    task: taskSample('queued', name),
    command: commandSample(),
    session: undefined,
    run: undefined,
    fresh: { run_id: runId(n), attempt_id: attemptId(n), claim_token: `claim-${n}` },
    ...changes,
  }
}

test('a task that starts for the first time: place gone, task runs, run made, session made and held, counters up', () => {
  const decision = decideAdmit(instanceSample(), [candidate(1)], later_ms)
  expect(decision.writes).toContainEqual({ op: 'delete_if_version', ref: refOf(candidate(1).place), version: 7 })
  expect(stored(decision, 'task')).toMatchObject([{ state: 'running', dispatched_at: inSeconds(10), target_run_id: runId(1), version: 7 }])
  expect(stored(decision, 'run')).toMatchObject([
    {
      id: runId(1),
      status: 'accepted',
      event_seq: 1,
      version: 1,
      task_id: taskId(1),
      attempt: {
        id: attemptId(1),
        attempt_no: 1,
        status: 'pending',
        strategy: 'primary',
        fencing_token: 1,
        claim_token: 'claim-1',
        admitted_at: inSeconds(10),
      },
    },
  ])
  expect(stored(decision, 'session')).toMatchObject([
    {
      id: 's1',
      fencing_token: 1,
      waiting: false,
      version: 1,
      owner: { lease_owner: `lanekeeper:${attemptId(1)}`, run_id: runId(1), attempt_id: attemptId(1) },
    },
  ])
  expect(counterWrites(decision)).toMatchObject([{ change: { add: { pending: 1, live: 1 }, set: { last_event_at: inSeconds(10) } } }])
  expect(decision.value).toMatchObject([
    { run_id: runId(1), attempt_no: 1, attempt_id: attemptId(1), claim_token: 'claim-1', policy: commandSample().params.policy },
  ])
  expect(decision.signals).toEqual([])
})

test('a free session is taken with a greater token, and its due time is settled', () => {
  const session = sessionSample({ fencing_token: 41, waiting: true, due_at: inSeconds(5) })
  const decision = decideAdmit(instanceSample(), [candidate(1, { session })], later_ms)
  const [taken] = stored(decision, 'session')
  expect(taken).toMatchObject({ fencing_token: 42, waiting: true, version: 3, owner: { attempt_id: attemptId(1) } })
  expect(taken).not.toHaveProperty('due_at')
  expect(stored(decision, 'run')).toMatchObject([{ attempt: { fencing_token: 42 } }])
})

test('a retry carries its run on: the ended attempt is kept, the next is a retry', () => {
  const run = runSample('accepted', attemptSample('error'))
  const decision = decideAdmit(instanceSample(), [candidate(1, { run, session: sessionSample() })], later_ms)
  expect(stored(decision, 'run')).toMatchObject([
    { id: runId(1), event_seq: 2, version: 4, attempt: { attempt_no: 2, strategy: 'retry', status: 'pending', fencing_token: 2 } },
  ])
  expect(stored(decision, 'attempt')).toMatchObject([{ run_id: runId(1), attempt: { attempt_no: 1, status: 'error' } }])
  expect(decision.value).toMatchObject([{ attempt_no: 2 }])
})

test('a restarted task gets a new run that names the one before, and its first attempt', () => {
  const decision = decideAdmit(instanceSample(), [candidate(2, { run: runSample('ok') })], later_ms)
  expect(stored(decision, 'run')).toMatchObject([{ id: runId(2), previous_run_id: runId(1), event_seq: 1, attempt: { attempt_no: 1, strategy: 'primary' } }])
  expect(stored(decision, 'attempt')).toEqual([])
})

test('a run with a live attempt is never admitted again', () => {
  expect(() => decideAdmit(instanceSample(), [candidate(1, { run: runSample('running') })], later_ms)).toThrow('has a live attempt')
})

test('a running task is due within a minute, however late it was due in line', () => {
  const due = (due_at: string | undefined) =>
    stored(decideAdmit(instanceSample(), [candidate(1, { task: taskSample('queued', { due_at }) })], later_ms), 'task')[0]?.due_at
  expect([due(undefined), due(inSeconds(20)), due(inSeconds(90_000))]).toEqual([inSeconds(70), inSeconds(20), inSeconds(70)])
})

test('several are admitted in one commit, with one write of the class, on the condition that there is still room', () => {
  const eight = Array.from({ length: 8 }, (_, n) => candidate(n + 1, { run: runSample('accepted', attemptSample('error'), { id: runId(n + 1) }) }))
  const decision = decideAdmit(instanceSample({ limit: 9, live: 1, failures: 2 }), eight, later_ms)
  expect(counterWrites(decision)).toMatchObject([
    {
      change: { add: { pending: 8, live: 8 } },
      conditions: [
        { field: 'limit', is: 'equals', value: 9 },
        { field: 'live', is: 'at_most', value: 1 },
        { field: 'failures', is: 'at_most', value: 4 },
      ],
    },
  ])
  expect(decision.writes.length).toBeLessThan(transact_writes_max)
})

test('the probe of a degraded class is admitted only where nothing of it lives', () => {
  const decision = decideAdmit(instanceSample({ failures: 5, live: 0, running: 0 }), [candidate(1)], later_ms)
  expect(counterWrites(decision)[0]?.conditions).toEqual([
    { field: 'limit', is: 'equals', value: 3 },
    { field: 'live', is: 'at_most', value: 0 },
  ])
})

test("a place whose session is held moves to the session's line, and the session knows that somebody waits", () => {
  const decision = decideWait(placeSample(), heldSession(), later_ms)
  expect(decision.writes).toEqual([
    { op: 'delete_if_version', ref: refOf(placeSample()), version: 7 },
    { op: 'put_if_absent', record: placeSample({ line: 'session' }) },
    { op: 'replace_if_version', record: heldSession({ waiting: true, updated_at: inSeconds(10) }) },
  ])
})
