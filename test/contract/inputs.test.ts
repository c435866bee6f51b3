/** Inputs of a run: what a runner takes, when they are consumed, and what becomes of them when an attempt, a run or a task ends. */
import { expect, test } from 'vitest'
import { cancelTask } from '../../shared/flows/cancel.ts'
import { heartbeat, reportFinish } from '../../shared/flows/runner.ts'
import { retryTask } from '../../shared/flows/retry.ts'
import { takeInputs } from '../../shared/flows/turns.ts'
import { refs } from '../../shared/store/keys.ts'
import { dispositionsOf, endOf, finishTurn, messagesOf, oneLive, sendTo, take, valueOf } from '../support/inputs.ts'
import { at, boom, identity, named } from '../support/looks.ts'
import { test_usage } from '../support/plane.ts'

const once = { policy: { retry: { max_attempts: 1 } } }
const consumed = (run_id: string, turn: number, attempt_no = 1) => ({ kind: 'consumed', run_id, attempt_no, turn })

test('a heartbeat says that an input waits; the turn ends, the input is taken, and the run ends with its turn', async () => {
  const { plane, task, sandbox, run_id } = await oneLive()
  expect(await heartbeat(plane.deps, identity(plane, sandbox), undefined)).not.toHaveProperty('value.inputs_wait')
  expect(valueOf(await sendTo(plane, run_id, 'more'))).toMatchObject({ input: { seq: 1, outcome: 'queued' }, task: { id: task.id }, idempotent_hit: false })
  expect(await heartbeat(plane.deps, identity(plane, sandbox), undefined)).toMatchObject({ ok: true, value: { order: 'go_on', inputs_wait: true } })
  expect(await take(plane, sandbox, 1, true)).toEqual({ how: 'nothing', turn: 1, inputs: [] })
  expect(valueOf(await endOf(plane, sandbox, 1, { saved: { transcript_bytes: 5 } }))).toEqual({ inputs_wait: true })
  const taken = await take(plane, sandbox, 2)
  expect(taken).toMatchObject({ how: 'turn', turn: 2, inputs: [{ seq: 1, queue_mode: 'followup', message: 'more' }] })
  expect(await take(plane, sandbox, 2)).toEqual(taken)
  expect(await heartbeat(plane.deps, identity(plane, sandbox), undefined)).not.toHaveProperty('value.inputs_wait')
  expect(valueOf(await finishTurn(plane, sandbox, 2))).toEqual({ recorded: true })
  expect(await dispositionsOf(plane, task.id)).toEqual([consumed(run_id, 2)])
  expect(await plane.run(run_id)).toMatchObject({ status: 'ok', inputs: { turns: 2, pending: [] } })
  expect(await plane.task(task.id)).toMatchObject({ state: 'done' })
})

test('an input that comes before the end wins: nothing is recorded, and the runner goes on with it', async () => {
  const { plane, task, sandbox, run_id } = await oneLive()
  await sendTo(plane, run_id, 'more')
  const before = await plane.run(run_id)
  expect(valueOf(await finishTurn(plane, sandbox, 1))).toEqual({ recorded: false, inputs_wait: true })
  expect(await plane.run(run_id)).toEqual(before)
  expect(plane.signals).toEqual([])
  await endOf(plane, sandbox, 1)
  expect(messagesOf(await take(plane, sandbox, 2))).toEqual(['more'])
  expect(valueOf(await finishTurn(plane, sandbox, 1))).toMatchObject({ recorded: false })
  expect((await plane.run(run_id)).status).toBe('running')
  plane.signals.splice(0)
  expect(valueOf(await finishTurn(plane, sandbox, 2))).toEqual({ recorded: true })
  expect(await dispositionsOf(plane, task.id)).toEqual([consumed(run_id, 2)])
})

test('an end that comes by the queue while inputs wait commits the turn, and the run goes on in another attempt, which is no retry', async () => {
  const { plane, task, sandbox, run_id } = await oneLive(once)
  await sendTo(plane, run_id, 'into it', 'steer')
  await sendTo(plane, run_id, 'next')
  await take(plane, sandbox, 1, true)
  expect(await plane.finish(sandbox, { turn: 1, saved: { transcript_bytes: 3 } })).toBe(true)
  expect(await dispositionsOf(plane, task.id)).toEqual([consumed(run_id, 1), undefined])
  expect(await plane.task(task.id)).toMatchObject({ state: 'queued' })
  await plane.deliver()
  const second = at(plane.sandboxes, 1)
  expect(valueOf(await plane.claim(second))).toMatchObject({ attempt_no: 2, turn: 2, begins_with: 'inputs', inputs_wait: true })
  expect(await plane.run(run_id)).toMatchObject({ attempt: { strategy: 'primary' } })
  expect(messagesOf(await take(plane, second, 2))).toEqual(['next'])
  expect(valueOf(await finishTurn(plane, second, 2))).toEqual({ recorded: true })
  expect(await dispositionsOf(plane, task.id)).toEqual([consumed(run_id, 1), consumed(run_id, 2, 2)])
})

test('a runner that counts no turns ends with inputs left: another attempt goes on with them', async () => {
  const { plane, task, sandbox, run_id } = await oneLive()
  await sendTo(plane, run_id, 'more')
  expect(valueOf(await reportFinish(plane.deps, identity(plane, sandbox), { outcome: 'ok', usage: test_usage }))).toEqual({ recorded: true })
  expect(await plane.task(task.id)).toMatchObject({ state: 'queued' })
  expect(await plane.run(run_id)).toMatchObject({ status: 'accepted', inputs: { turns: 1 } })
})

test('a saved turn begins the count of tries anew, and what an attempt had taken waits for the next', async () => {
  const { plane, task, sandbox, run_id } = await oneLive({ policy: { retry: { max_attempts: 2 } } })
  await plane.finish(sandbox, { outcome: 'error', error: boom })
  await plane.deliver()
  const second = at(plane.sandboxes, 1)
  await plane.claim(second)
  await sendTo(plane, run_id, 'more')
  await endOf(plane, second, 1)
  await take(plane, second, 2)
  await plane.finish(second, { outcome: 'error', error: boom })
  await plane.deliver()
  const third = at(plane.sandboxes, 2)
  expect(valueOf(await plane.claim(third))).toMatchObject({ attempt_no: 3, turn: 2, begins_with: 'inputs', inputs_wait: true })
  expect(await plane.run(run_id)).toMatchObject({ attempt: { strategy: 'retry' } })
  expect(messagesOf(await take(plane, third, 2))).toEqual(['more'])
  await finishTurn(plane, third, 2)
  expect(await dispositionsOf(plane, task.id)).toEqual([consumed(run_id, 2, 3)])
})

test('a run that fails for good hands its inputs to a new run of the task, once', async () => {
  const { plane, task, sandbox, run_id } = await oneLive(once)
  await sendTo(plane, run_id, 'more')
  await plane.finish(sandbox, { outcome: 'error', error: boom })
  expect(await plane.run(run_id)).toMatchObject({ status: 'error' })
  expect(await plane.task(task.id)).toMatchObject({ state: 'queued', usage: { input_tokens: test_usage.input_tokens } })
  await plane.deliver()
  const second = at(plane.sandboxes, 1)
  expect(second.run_id).not.toBe(run_id)
  expect(valueOf(await plane.claim(second))).toMatchObject({ attempt_no: 1, turn: 1, begins_with: 'message', inputs_wait: true })
  expect(await plane.run(run_id)).toMatchObject({ inputs: { pending: [] } })
  await sendTo(plane, second.run_id, 'newer')
  await plane.finish(second, { outcome: 'error', error: boom })
  expect(await dispositionsOf(plane, task.id)).toEqual([{ kind: 'rejected', reason: 'run_failed' }, undefined])
  await plane.deliver()
  const third = at(plane.sandboxes, 2)
  await plane.claim(third)
  await plane.finish(third, { outcome: 'error', error: boom })
  expect(await dispositionsOf(plane, task.id)).toEqual(Array.from({ length: 2 }, () => ({ kind: 'rejected', reason: 'run_failed' })))
  expect(await plane.task(task.id)).toMatchObject({ state: 'error' })
})

test('an error that is not to be tried again rejects what is left', async () => {
  const { plane, task, sandbox, run_id } = await oneLive()
  await sendTo(plane, run_id, 'more')
  await plane.finish(sandbox, { outcome: 'error', error: { ...boom, retryable: false } })
  expect(await dispositionsOf(plane, task.id)).toEqual([{ kind: 'rejected', reason: 'run_failed' }])
  expect(await plane.task(task.id)).toMatchObject({ state: 'error' })
})

test('an input to a task that is over restarts it: a new run begins with the inputs, since the session knows the message', async () => {
  const { plane, task, sandbox, run_id } = await oneLive()
  await finishTurn(plane, sandbox, 1)
  expect(valueOf(await sendTo(plane, run_id, 'again'))).toMatchObject({ input: { outcome: 'restarted', run_id }, task: { state: 'queued' } })
  expect(valueOf(await sendTo(plane, run_id, 'and more'))).toMatchObject({ input: { outcome: 'queued' } })
  await plane.deliver()
  const second = at(plane.sandboxes, 1)
  expect(valueOf(await plane.claim(second))).toMatchObject({ turn: 1, begins_with: 'inputs', inputs_wait: true })
  expect(await plane.run(second.run_id)).toMatchObject({ previous_run_id: run_id })
  expect(valueOf(await sendTo(plane, run_id, 'to the first run'))).toMatchObject({ input: { run_id: second.run_id, seq: 3 } })
  expect(messagesOf(await take(plane, second, 1))).toEqual(['again'])
  await endOf(plane, second, 1)
  expect(messagesOf(await take(plane, second, 2))).toEqual(['and more'])
  await endOf(plane, second, 2)
  await take(plane, second, 3)
  await finishTurn(plane, second, 3)
  expect(await dispositionsOf(plane, task.id)).toEqual([1, 2, 3].map((turn) => consumed(second.run_id, turn)))
})

test('a task that a client retries begins with its message again, though it was restarted by an input before', async () => {
  const { plane, task, sandbox, run_id } = await oneLive()
  await finishTurn(plane, sandbox, 1)
  await sendTo(plane, run_id, 'again')
  await cancelTask(plane.deps, named(plane, task))
  expect(await dispositionsOf(plane, task.id)).toEqual([{ kind: 'rejected', reason: 'run_cancelled' }])
  valueOf(await retryTask(plane.deps, named(plane, task)))
  expect(valueOf(await sendTo(plane, run_id, 'while it waits'))).toMatchObject({ input: { outcome: 'queued', seq: 2 } })
  await plane.deliver()
  expect(valueOf(await plane.claim(at(plane.sandboxes, 1)))).toMatchObject({ begins_with: 'message', inputs_wait: true })
})

test('cancelling a live run rejects its inputs once it is known to be gone', async () => {
  const { plane, task, sandbox, run_id } = await oneLive()
  await sendTo(plane, run_id, 'more')
  await cancelTask(plane.deps, named(plane, task))
  expect(await sendTo(plane, run_id, 'too late')).toMatchObject({ code: 'illegal_state' })
  await plane.finish(sandbox, { outcome: 'cancelled' })
  expect(await dispositionsOf(plane, task.id)).toEqual([{ kind: 'rejected', reason: 'run_cancelled' }])
})

test('a repeat under the same key returns the first input, and says where the body differs', async () => {
  const { plane, run_id } = await oneLive()
  const first = valueOf(await sendTo(plane, run_id, 'more', 'followup', 'k'))
  expect(valueOf(await sendTo(plane, run_id, 'more', 'followup', 'k'))).toMatchObject({
    input: { id: first.input.id },
    idempotent_hit: true,
    idempotency_mismatch: false,
  })
  expect(valueOf(await sendTo(plane, run_id, 'other', 'steer', 'k'))).toMatchObject({ input: { message: 'more' }, idempotency_mismatch: true })
  const raced = await Promise.all([1, 2, 3].map(async () => sendTo(plane, run_id, 'raced', 'followup', 'r')))
  expect(new Set(raced.map((result) => valueOf(result).input.id)).size).toBe(1)
  expect((await plane.run(run_id)).inputs?.pending).toHaveLength(2)
})

test('a secret is redacted before it is stored, and a large message lies in the bucket', async () => {
  const { plane, task, sandbox, run_id } = await oneLive()
  await sendTo(plane, run_id, `use sk-ant-${'a'.repeat(40)} for it`)
  const large = 'x'.repeat(100_000)
  await sendTo(plane, run_id, large)
  const [first, second] = await plane.deps.store.getMany([1, 2].map((seq) => refs.input(plane.workspace_id, task.id, seq)))
  expect(first).toMatchObject({ message: 'use [redacted] for it' })
  expect(JSON.stringify(second).length).toBeLessThan(2_000)
  expect([...plane.texts.keys()]).toEqual([expect.stringMatching(/^commands\/ws_\w+\/inputs\/inp_\w+\.json$/)])
  await endOf(plane, sandbox, 1)
  await take(plane, sandbox, 2)
  await endOf(plane, sandbox, 2)
  expect(messagesOf(await take(plane, sandbox, 3))).toEqual([large])
})

test('a call about a turn that is over, or is not yet, is refused and changes nothing', async () => {
  const { plane, sandbox, run_id } = await oneLive()
  await sendTo(plane, run_id, 'one', 'steer')
  await endOf(plane, sandbox, 1)
  const before = await plane.run(run_id)
  for (const turn of [1, 3]) {
    const late = await takeInputs(plane.deps, identity(plane, sandbox), { turn, open: true })
    expect(late).toMatchObject({ code: 'illegal_state' })
  }
  expect(await endOf(plane, sandbox, 3)).toMatchObject({ code: 'illegal_state' })
  expect(await endOf(plane, sandbox, 1)).toMatchObject({ ok: true })
  expect(await plane.run(run_id)).toEqual(before)
})

test('an input that comes while the next run of its task is made is taken by that run', async () => {
  const { plane, task, sandbox, run_id } = await oneLive()
  await finishTurn(plane, sandbox, 1)
  valueOf(await retryTask(plane.deps, named(plane, task)))
  const { store } = plane.deps
  const commit: typeof store.commit = async (writes) => {
    if (!writes.some((write) => write.op === 'put_if_absent' && write.record.kind === 'run')) return store.commit(writes)
    Object.assign(plane.deps, { store })
    expect(valueOf(await sendTo(plane, run_id, 'raced'))).toMatchObject({ input: { outcome: 'queued' } })
    return store.commit(writes)
  }
  Object.assign(plane.deps, { store: { ...store, commit } })
  await plane.deliver()
  const second = at(plane.sandboxes, 1)
  expect(valueOf(await plane.claim(second))).toMatchObject({ inputs_wait: true })
  expect((await plane.run(second.run_id)).inputs?.pending).toMatchObject([{ seq: 1 }])
})

test('an ending that meets a take between two of its reads reads them again', async () => {
  const { plane, task, sandbox, run_id } = await oneLive(once)
  await sendTo(plane, run_id, 'one')
  await sendTo(plane, run_id, 'two', 'interrupt')
  const { store } = plane.deps
  const getMany: typeof store.getMany = async (wanted) => {
    if (!wanted.some((ref) => ref.kind === 'input')) return store.getMany(wanted)
    Object.assign(plane.deps, { store })
    await take(plane, sandbox, 1, true)
    return store.getMany(wanted)
  }
  Object.assign(plane.deps, { store: { ...store, getMany } })
  await plane.finish(sandbox, { outcome: 'error', error: { ...boom, retryable: false } })
  expect((await dispositionsOf(plane, task.id)).map((end) => end?.kind)).toEqual(['superseded', 'rejected'])
})

test('each turn has files of its own; those that a later turn replaces are removed', async () => {
  const { plane, sandbox, run_id, agent, task } = await oneLive({ session_id: 's' })
  await sendTo(plane, run_id, 'more')
  await endOf(plane, sandbox, 1, { saved: { workspace_bytes: 1, transcript_bytes: 1 } })
  expect(plane.removed).toEqual([])
  await take(plane, sandbox, 2)
  await finishTurn(plane, sandbox, 2, { saved: { transcript_bytes: 2 } })
  const file = { workspace_id: plane.workspace_id, session_id: task.session_id, fencing_token: 1 }
  expect(plane.removed).toEqual([{ ...file, turn: 1, kind: 'transcript' }])
  await plane.accept({ agent_id: agent.id, session_id: task.session_id })
  await plane.deliver()
  const { restore } = valueOf(await plane.claim(at(plane.sandboxes, 1)))
  expect(restore).toEqual({ workspace_url: 'https://files.invalid/s/1.1/workspace', transcript_url: 'https://files.invalid/s/1.2/transcript' })
})
