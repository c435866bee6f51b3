/** What a runner may ask, and as whom: the live attempt alone is heard. */
import { expect, test } from 'vitest'
import { applyAttemptEvent } from '../../shared/flows/finish.ts'
import { heartbeat, reportEvents, reportFinish, storeLogs, uploadUrl } from '../../shared/flows/runner.ts'
import { parseAttemptToken, type RunnerIdentity } from '../../shared/flows/runner-identity.ts'
import { logPartition } from '../../shared/store/keys.ts'
import { at, boom, identity } from '../support/looks.ts'
import { testPlane, test_usage, type TestPlane } from '../support/plane.ts'
import type { LogEntry } from '../../shared/domain/event.ts'

const entry = (seq: number, data = 'x'): LogEntry => ({ seq, timestamp: seq, stream: 'stdout', chunk_type: 'output', data })

const calls: readonly (readonly [string, (plane: TestPlane, who: RunnerIdentity) => Promise<unknown>])[] = [
  ['heartbeat', async (plane, who) => heartbeat(plane.deps, who, test_usage)],
  ['logs', async (plane, who) => storeLogs(plane.deps, who, [entry(1)])],
  ['an upload', async (plane, who) => uploadUrl(plane.deps, who, { kind: 'workspace', bytes: 1 })],
  ['events', async (plane, who) => reportEvents(plane.deps, who, [test_usage])],
  ['finish', async (plane, who) => reportFinish(plane.deps, who, { outcome: 'ok', usage: test_usage })],
]

const oneRunning = async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 0)
  const before = identity(plane, sandbox)
  return { plane, sandbox, who: before }
}

test.each(calls)('%s of the live attempt is heard', async (_, call) => {
  const { plane, sandbox, who } = await oneRunning()
  await plane.claim(sandbox)
  expect(await call(plane, who)).toMatchObject({ ok: true })
})

test.each(calls)('%s of a stranger is unauthenticated', async (_, call) => {
  const { plane, sandbox, who } = await oneRunning()
  const refused = { ok: false, code: 'unauthenticated' }
  expect(await call(plane, who)).toMatchObject(refused)
  await plane.claim(sandbox)
  expect(await call(plane, { ...who, secret: `${who.secret}x` })).toMatchObject(refused)
  expect(await call(plane, { ...who, secret: '' })).toMatchObject(refused)
  expect(await call(plane, { ...who, attempt_no: 2 })).toMatchObject(refused)
  expect(await call(plane, { ...who, run_id: who.run_id.replace(/.$/, 'Z') })).toMatchObject(refused)
  expect(await call(plane, { ...who, workspace_id: who.workspace_id.replace(/.$/, 'Z') })).toMatchObject(refused)
})

test.each(calls)('%s of an attempt that was replaced is answered attempt_superseded, and changes nothing', async (_, call) => {
  const { plane, sandbox, who } = await oneRunning()
  await plane.claim(sandbox)
  await plane.finish(sandbox, { outcome: 'error', error: boom })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 1))
  const before = await plane.run(sandbox.run_id)
  expect(await call(plane, who)).toMatchObject({ ok: false, code: 'attempt_superseded' })
  expect(await plane.run(sandbox.run_id)).toEqual(before)
  expect(plane.signals).toEqual([])
})

test.each(calls)('%s of an attempt that was given up is answered attempt_superseded', async (_, call) => {
  const { plane, sandbox, who } = await oneRunning()
  await plane.claim(sandbox)
  const { workspace_id, run_id, attempt_no, execution_id } = sandbox
  await applyAttemptEvent(plane.deps, { type: 'stopped', workspace_id, run_id, attempt_no, execution_id, exit_code: 137, reason: 'it left' })
  expect(await call(plane, who)).toMatchObject({ ok: false, code: 'attempt_superseded' })
})

test('an attempt that has ended by its own word is told so, and may say nothing else', async () => {
  const { plane, sandbox, who } = await oneRunning()
  await plane.claim(sandbox)
  expect(await reportFinish(plane.deps, who, { outcome: 'error', usage: test_usage, error: boom })).toEqual({ ok: true, value: { recorded: true } })
  await plane.deliver()
  expect(await plane.run(sandbox.run_id)).toMatchObject({ attempt: { attempt_no: 2 } })
  const other = await oneRunning()
  await other.plane.claim(other.sandbox)
  await reportFinish(other.plane.deps, other.who, { outcome: 'ok', usage: test_usage })
  await other.plane.deliver()
  expect(await reportFinish(other.plane.deps, other.who, { outcome: 'ok', usage: test_usage })).toEqual({ ok: true, value: { recorded: true } })
  expect(other.plane.signals).toEqual([])
  expect(await storeLogs(other.plane.deps, other.who, [entry(1)])).toMatchObject({ code: 'attempt_superseded' })
})

test('an end is applied at once, and rings for whoever waits for the room', async () => {
  const { plane, sandbox, who } = await oneRunning()
  await plane.claim(sandbox)
  expect(await reportFinish(plane.deps, who, { outcome: 'ok', usage: test_usage })).toEqual({ ok: true, value: { recorded: true } })
  expect(await plane.run(sandbox.run_id)).toMatchObject({ status: 'ok', attempt: { status: 'ok' } })
  expect(plane.signals.map(({ kind }) => kind)).toEqual(['class'])
})

test.each([
  ['the write failed', false],
  ['the write was done, and its answer lost', true],
])('an end that could not be applied comes through the queue, once: %s', async (_, written) => {
  const { plane, sandbox, who } = await oneRunning()
  await plane.claim(sandbox)
  const { store } = plane.deps
  const reported: string[] = []
  const commit: typeof store.commit = async (writes) => {
    if (written) await store.commit(writes)
    throw new Error('the table did not answer')
  }
  const deps = { ...plane.deps, store: { ...store, commit }, report: (what: string) => void reported.push(what) }
  expect(await reportFinish(deps, who, { outcome: 'ok', usage: test_usage, result: 'done' })).toEqual({ ok: true, value: { recorded: false } })
  expect(reported).toEqual(['finish_deferred'])
  expect(plane.signals.map(({ kind }) => kind)).toEqual(['attempt'])
  await plane.deliver()
  const ended = await plane.run(sandbox.run_id)
  expect(ended).toMatchObject({ status: 'ok', event_seq: 3 })
  expect(await reportFinish(plane.deps, who, { outcome: 'ok', usage: test_usage })).toEqual({ ok: true, value: { recorded: true } })
  expect(await plane.run(sandbox.run_id)).toEqual(ended)
})

test('an end that meets a heartbeat is decided again on the run as it is then', async () => {
  const { plane, sandbox, who } = await oneRunning()
  await plane.claim(sandbox)
  const { store } = plane.deps
  let met = false
  const commit: typeof store.commit = async (writes) => {
    if (!met) {
      met = true
      expect(await heartbeat(plane.deps, who, test_usage)).toMatchObject({ ok: true })
    }
    return store.commit(writes)
  }
  expect(await reportFinish({ ...plane.deps, store: { ...store, commit } }, who, { outcome: 'ok', usage: test_usage })).toEqual({
    ok: true,
    value: { recorded: true },
  })
  expect(await plane.run(sandbox.run_id)).toMatchObject({ status: 'ok', event_seq: 3 })
})

test('logs are kept in chunks below 64 KB, each entry once', async () => {
  const { plane, sandbox, who } = await oneRunning()
  await plane.claim(sandbox)
  const entries = [entry(1), entry(2, 'y'.repeat(40_000)), entry(3, 'z'.repeat(40_000)), entry(4, 'é'.repeat(30_000)), entry(5)]
  expect(await storeLogs(plane.deps, who, entries)).toMatchObject({ ok: true, value: 5 })
  expect(await storeLogs(plane.deps, who, entries)).toMatchObject({ ok: true, value: 0 })
  const { records } = await plane.deps.store.range({ index: 'table', pk: logPartition(plane.workspace_id, sandbox.run_id, 1), limit: 100 })
  const chunks = records.flatMap((record) => (record.kind === 'log' ? [record.entries] : []))
  expect(chunks.flat()).toEqual(entries)
  for (const chunk of chunks) expect(Buffer.byteLength(JSON.stringify(chunk))).toBeLessThan(65_536)
})

test.each([
  ['a whole token', (token: string) => token, true],
  ['one of another kind', (token: string) => token.replace('lkatt_', 'lkcli_'), false],
  ['one without its secret', (token: string) => token.slice(0, token.lastIndexOf('.')), false],
  ['one with a short secret', (token: string) => token.slice(0, token.lastIndexOf('.') + 10), false],
  ['one with more behind it', (token: string) => `${token}.x`, false],
  ['one with an attempt that is no number', (token: string) => token.replace('.1.', '.one.'), false],
  ['nothing', () => '', false],
])('reads %s', (_, changed, is_token) => {
  const token = `lkatt_ws_${'0'.repeat(26)}.run_${'0'.repeat(26)}.1.${'s'.repeat(43)}`
  expect(parseAttemptToken(changed(token))).toEqual(
    is_token ? { workspace_id: `ws_${'0'.repeat(26)}`, run_id: `run_${'0'.repeat(26)}`, attempt_no: 1, secret: 's'.repeat(43) } : undefined,
  )
})
