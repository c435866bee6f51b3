/** Commands for a session that has a run already, and runs that wait for an input. */
import { expect, test } from 'vitest'
import { archiveTask } from '../../shared/flows/archive.ts'
import { cancelTask } from '../../shared/flows/cancel.ts'
import { killWorkspace } from '../../shared/flows/kill.ts'
import { lookAtTask } from '../../shared/flows/look.ts'
import { dispositionsOf, endOf, finishTurn, messagesOf, oneLive, sendTo, take, valueOf } from '../support/inputs.ts'
import { at, boom, identity, named } from '../support/looks.ts'
import { heartbeat } from '../../shared/flows/runner.ts'
import { testPlane } from '../support/plane.ts'
import type { CommandParamsInput } from '../../shared/domain/command.ts'

const session = { session_id: 's', hook_id: undefined }

test('a command for a session with a live run of the agent becomes an input of that run, once for its key', async () => {
  const { plane, agent, task, sandbox, run_id } = await oneLive(session)
  const first = await plane.accept({ ...session, agent_id: agent.id, message: 'more', idempotency_key: 'k' })
  expect(first).toMatchObject({
    task: { id: task.id },
    input: { seq: 1, run_id, queue_mode: 'followup', message: 'more', outcome: 'queued' },
    idempotent_hit: false,
  })
  const again = await plane.accept({ ...session, agent_id: agent.id, message: 'more', idempotency_key: 'k' })
  expect(again).toMatchObject({ task: { id: task.id }, input: { id: first.input?.id }, idempotent_hit: true, idempotency_mismatch: false })
  const raced = await Promise.all([1, 2, 3].map(async () => plane.accept({ ...session, agent_id: agent.id, idempotency_key: 'r' })))
  expect(new Set(raced.map(({ input }) => input?.id)).size).toBe(1)
  await endOf(plane, sandbox, 1)
  expect(messagesOf(await take(plane, sandbox, 2))).toEqual(['more'])
  await endOf(plane, sandbox, 2)
  await take(plane, sandbox, 3)
  await finishTurn(plane, sandbox, 3)
  expect((await dispositionsOf(plane, task.id)).map((disposition) => disposition?.kind)).toEqual(['consumed', 'consumed'])
  expect(await plane.accept({ ...session, agent_id: agent.id, message: 'more', idempotency_key: 'k' })).toMatchObject({ input: { id: first.input?.id } })
})

test('it does so between two attempts of the run too, and no longer once that is over', async () => {
  const { plane, agent, task, sandbox } = await oneLive({ ...session, policy: { retry: { max_attempts: 2, delay_ms: 60_000 } } })
  await plane.finish(sandbox, { outcome: 'error', error: boom })
  const policy = { retry: { max_attempts: 1 } }
  expect(await plane.accept({ ...session, agent_id: agent.id, policy })).toMatchObject({ task: { id: task.id }, input: { seq: 1 } })
  await cancelTask(plane.deps, named(plane, task))
  const after = await plane.accept({ ...session, agent_id: agent.id })
  expect(after).not.toHaveProperty('input')
  expect(after.task.id).not.toBe(task.id)
})

const of_a_task: readonly (readonly [string, Partial<CommandParamsInput>])[] = [
  ['a hook', { hook_id: 'hook' }],
  ['another lane', { lane: 'other' }],
  ['another policy', { policy: { security: 'full' } }],
  ['an attachment', { attachments: [{ name: 'a', content: 'x' }] }],
  ['a system prompt of its own', { extra_system_prompt: 'x' }],
  ['a budget of its own', { budget_usd: 1 }],
  ['a later start', { not_before: '2026-11-22T10:00:00Z' }],
  ['another session', { session_id: 'other' }],
]
test.each(of_a_task)('a command with %s is a task of its own', async (_, changes) => {
  const { plane, agent, task } = await oneLive(session)
  const own = await plane.accept({ ...session, message: 'x', ...changes, agent_id: agent.id })
  expect(own).not.toHaveProperty('input')
  expect(own.task.id).not.toBe(task.id)
})

test('a command of another agent, or for a run that is told to stop, stands in line', async () => {
  const { plane, agent, task } = await oneLive(session)
  plane.advance(1)
  const other = await plane.makeAgent()
  expect(await plane.accept({ ...session, agent_id: other.id })).not.toHaveProperty('input')
  await cancelTask(plane.deps, named(plane, task))
  expect(await plane.accept({ ...session, agent_id: agent.id })).toMatchObject({ task: { state: 'queued' } })
})

test('a command without a session reads no session', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const read: string[] = []
  const { store } = plane.deps
  const get: typeof store.get = async (ref, options) => {
    read.push(ref.kind)
    return store.get(ref, options)
  }
  const getMany: typeof store.getMany = async (refs) => {
    read.push(...refs.map(({ kind }) => kind))
    return store.getMany(refs)
  }
  Object.assign(plane.deps, { store: { ...store, get, getMany } })
  await plane.accept({ agent_id: agent.id })
  expect(read.toSorted()).toEqual(['agent', 'gate'])
})

const waiting = async (params = {}) => {
  const live = await oneLive({ policy: { interactive: true }, ...params })
  expect(valueOf(await endOf(live.plane, live.sandbox, 1, { waits: true }))).toEqual({ inputs_wait: false })
  return live
}

test('a run that waits for an input says so; what comes is direct, and it works again when it takes it', async () => {
  const { plane, task, sandbox, run_id } = await waiting()
  expect(await plane.task(task.id)).toMatchObject({ state: 'waiting', due_at: expect.any(String) })
  expect(await plane.run(run_id)).toMatchObject({ status: 'running', waiting_since: expect.any(String) })
  expect(valueOf(await sendTo(plane, run_id, 'hello'))).toMatchObject({ input: { outcome: 'direct' } })
  expect(await heartbeat(plane.deps, identity(plane, sandbox), undefined)).toMatchObject({ value: { inputs_wait: true } })
  expect(await plane.task(task.id)).toMatchObject({ state: 'waiting' })
  expect(messagesOf(await take(plane, sandbox, 2))).toEqual(['hello'])
  expect(await plane.task(task.id)).toMatchObject({ state: 'running' })
  expect(await plane.run(run_id)).not.toHaveProperty('waiting_since')
  expect(valueOf(await endOf(plane, sandbox, 2, { waits: true }))).toEqual({ inputs_wait: false })
  expect(await plane.task(task.id)).toMatchObject({ state: 'waiting' })
})

test('an attempt that would wait while an input waits for it goes on', async () => {
  const { plane, task, sandbox, run_id } = await oneLive({ policy: { interactive: true } })
  await sendTo(plane, run_id, 'early')
  expect(valueOf(await endOf(plane, sandbox, 1, { waits: true }))).toEqual({ inputs_wait: true })
  expect(await plane.task(task.id)).toMatchObject({ state: 'running' })
  expect(await plane.run(run_id)).not.toHaveProperty('waiting_since')
  expect(messagesOf(await take(plane, sandbox, 2))).toEqual(['early'])
})

test('a run whose policy is not interactive does not wait', async () => {
  const { plane, sandbox } = await oneLive()
  expect(await endOf(plane, sandbox, 1, { waits: true })).toMatchObject({ code: 'illegal_state' })
})

test('an attempt that dies while it waits leaves its run parked, and the next input goes on in the session', async () => {
  const { plane, task, sandbox, run_id } = await waiting({ policy: { interactive: true, retry: { max_attempts: 2, delay_ms: 5_000 } } })
  plane.advance(60_000)
  await lookAtTask(plane.deps, named(plane, task))
  expect(await plane.task(task.id)).toMatchObject({ state: 'waiting' })
  expect(await plane.run(run_id)).toMatchObject({ parked: 'input', inputs: { turns: 1 } })
  expect(valueOf(await sendTo(plane, run_id, 'more'))).toMatchObject({ input: { outcome: 'direct' } })
  await plane.deliver()
  expect(valueOf(await plane.claim(at(plane.sandboxes, 1)))).toMatchObject({ attempt_no: 2, turn: 2, begins_with: 'inputs', inputs_wait: true })
  expect(sandbox.state).toBe('stopped')
})

test('cancelling a run that waits stops its attempt', async () => {
  const { plane, task, sandbox, run_id } = await waiting()
  valueOf(await archiveTask(plane.deps, named(plane, task)))
  expect(valueOf(await cancelTask(plane.deps, named(plane, task)))).toMatchObject({ live: { run_id, attempt_no: 1 } })
  expect(await heartbeat(plane.deps, identity(plane, sandbox), undefined)).toMatchObject({ value: { order: 'stop', stop_reason: 'cancel' } })
  await plane.finish(sandbox, { outcome: 'cancelled' })
  expect(await plane.task(task.id)).toMatchObject({ state: 'cancelled' })
  expect(await plane.run(run_id)).not.toHaveProperty('waiting_since')
})

test.each([true, false])('a kill fences a run that waits (hold %s)', async (hold) => {
  const { plane, sandbox } = await waiting()
  valueOf(await killWorkspace(plane.deps, { workspace_id: plane.workspace_id, hold }))
  expect(await heartbeat(plane.deps, identity(plane, sandbox), undefined)).toMatchObject({ code: 'attempt_superseded' })
  expect(await take(plane, sandbox, 2).catch((error: unknown) => String(error))).toContain('attempt_superseded')
})

test('a run that waits parks when its runner gives it up', async () => {
  const { plane, task, sandbox } = await waiting()
  expect(valueOf(await finishTurn(plane, sandbox, 1))).toEqual({ recorded: false })
  plane.signals.splice(0)
  expect(await plane.task(task.id)).toMatchObject({ state: 'waiting' })
  expect(valueOf(await finishTurn(plane, sandbox, 1, { parks: 'input' }))).toEqual({ recorded: true })
  expect(await plane.task(task.id)).toMatchObject({ state: 'waiting' })
  expect(await plane.run(sandbox.run_id)).toMatchObject({ status: 'accepted', parked: 'input', attempt: { status: 'ok' } })
})
