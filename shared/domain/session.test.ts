import { expect, test } from 'vitest'
import { SessionId } from './ids.ts'
import { now, now_ms, sessionSample } from './samples.ts'
import { extractLeaseExecutionId, hasSaved, leaseOwner, savedCheckpoint, supersededFiles } from './session.ts'

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

const borrowed = { fencing_token: 1, turn: 1, bytes: 5, session_id: SessionId.parse('source'), shared: true as const }

test('a file of the source is none of the fork, though both lie under the same fencing token and turn', () => {
  const fork = sessionSample({ checkpoint: { workspace: borrowed, saved_at: now } })
  expect(hasSaved(fork, 1)).toBe(false)
  const after = savedCheckpoint(fork, 1, { saved: { workspace_bytes: 7 }, turn: 1 }, now_ms)
  expect(after?.workspace).toEqual({ fencing_token: 1, turn: 1, bytes: 7 })
  expect(supersededFiles(fork.checkpoint, after)).toEqual([{ kind: 'workspace', file: borrowed }])
  expect(hasSaved({ ...fork, checkpoint: after }, 1)).toBe(true)
})

test('a file that is told again stays shared, and what was not saved stays as it was', () => {
  const own = { fencing_token: 1, turn: 1, bytes: 5, shared: true as const }
  const session = sessionSample({ checkpoint: { workspace: own, transcript: borrowed, saved_at: now } })
  const after = savedCheckpoint(session, 1, { saved: { workspace_bytes: 5 }, turn: 1 }, now_ms)
  expect(after).toMatchObject({ workspace: own, transcript: borrowed })
  expect(supersededFiles(session.checkpoint, after)).toEqual([])
})
