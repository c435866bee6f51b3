import { expect, test } from 'vitest'
import { decideAcceptFork, type ForkSessions } from './fork.ts'
import { SessionId } from '../ids.ts'
import { agentSample, deployment, heldSession, now, now_ms, paramsSample, session_id, sessionSample, stored, taskId, workspace_id } from '../samples.ts'
import { refs } from '../../store/keys.ts'
import type { AcceptRequest } from './accept.ts'

const file = { fencing_token: 3, turn: 2, bytes: 10 }
const checkpoint = { workspace: file, transcript: { ...file, turn: 1 }, saved_at: now }
const fresh = { task_id: taskId(1), session_id: SessionId.parse('made'), idempotency_key: 'made' }
const request = (changes: Partial<AcceptRequest> = {}): AcceptRequest => ({
  agent: agentSample(),
  params: { ...paramsSample(), session_id: undefined, fork_from: { session_id } },
  body_hash: 'h',
  fresh,
  ...changes,
})
const fork = (sessions: Partial<ForkSessions>) => {
  const decision = decideAcceptFork(request(), session_id, { source: undefined, target: undefined, ...sessions }, deployment, now_ms)
  if (!decision.ok) throw new Error(decision.detail)
  return decision
}
const named = (kind: 'workspace' | 'transcript', turn: number) => refs.sharedFile({ workspace_id, session_id, file: kind, fencing_token: 3, turn })

test('the first fork stores the session and two counts with the task, and marks the files in the source, which stays held', () => {
  const source = heldSession({ checkpoint, fencing_token: 4 })
  const decision = fork({ source })
  expect(decision.value.task).toMatchObject({ state: 'queued', session_id: 'made' })
  expect(decision.writes.map((write) => [write.op, 'record' in write ? write.record.kind : write.ref.kind])).toEqual([
    ['put_if_absent', 'command'],
    ['put_if_absent', 'task'],
    ['put_if_absent', 'place'],
    ['put_if_absent', 'session'],
    ['put_if_absent', 'shared_file'],
    ['put_if_absent', 'shared_file'],
    ['replace_if_version', 'session'],
  ])
  expect(stored(decision, 'shared_file')).toMatchObject([
    { session_id, file: 'workspace', fencing_token: 3, turn: 2, holders: 2 },
    { session_id, file: 'transcript', fencing_token: 3, turn: 1, holders: 2 },
  ])
  const [made, kept] = stored(decision, 'session')
  expect(made).toMatchObject({ id: 'made', fencing_token: 0, forked_from: { session_id, saved_at: now }, transcript_of: session_id, waiting: false })
  expect(made?.checkpoint?.workspace).toEqual({ ...file, session_id, shared: true })
  expect(made).not.toHaveProperty('owner')
  expect(kept).toEqual({ ...source, checkpoint: { ...checkpoint, workspace: { ...file, shared: true }, transcript: { ...file, turn: 1, shared: true } } })
})

test('a fork of what is shared already adds one holder each, and does not write the source', () => {
  const shared = { ...checkpoint, workspace: { ...file, shared: true }, transcript: { ...file, session_id: 'root', shared: true } }
  const decision = fork({ source: sessionSample({ checkpoint: shared, transcript_of: 'root' }) })
  expect(decision.writes.slice(4)).toEqual([
    {
      op: 'add_within_limit',
      ref: named('workspace', 2),
      change: { add: { holders: 1 } },
      conditions: [{ field: 'holders', is: 'at_least', value: 1 }],
    },
    expect.objectContaining({ ref: refs.sharedFile({ workspace_id, session_id: 'root', file: 'transcript', fencing_token: 3, turn: 2 }) }),
  ])
  expect(stored(decision, 'session')).toMatchObject([{ id: 'made', transcript_of: 'root', checkpoint: { transcript: { session_id: 'root' } } }])
})

test('what refuses any command refuses a fork before its session is looked at', () => {
  const inactive = request({ agent: agentSample({ active: false }) })
  expect(decideAcceptFork(inactive, session_id, { source: undefined, target: undefined }, deployment, now_ms)).toMatchObject({ code: 'agent_inactive' })
})
