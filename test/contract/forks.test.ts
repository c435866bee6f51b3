/** Commands that begin their session with the checkpoint of another. */
import { expect, test } from 'vitest'
import { acceptCommand } from '../../shared/flows/accept.ts'
import { sweep } from '../../shared/flows/sweep.ts'
import { explainTask } from '../../shared/lists/explain.ts'
import { CommandParams, type CommandParamsInput } from '../../shared/domain/command.ts'
import { SessionId, WorkspaceId } from '../../shared/domain/ids.ts'
import { refs } from '../../shared/store/keys.ts'
import { betweenStore } from '../support/between.ts'
import { endOf, finishTurn, sendTo, take, valueOf } from '../support/inputs.ts'
import { at, named, sweepAndDeliver } from '../support/looks.ts'
import { testPlane, type TestPlane } from '../support/plane.ts'

const both = { workspace_bytes: 1, transcript_bytes: 1 }
const fork_from = { session_id: 'a' }
const urlsOf = (session_id: string, where: string) => ({
  workspace_url: `https://files.invalid/${session_id}/${where}/workspace`,
  transcript_url: `https://files.invalid/${session_id}/${where}/transcript`,
})

/** Runs one task in a session to its end. @returns its sandbox and what it was assigned */
const runIn = async (plane: TestPlane, params: Parameters<TestPlane['accept']>[0], saved: Parameters<TestPlane['finish']>[1]) => {
  const { task } = await plane.accept(params)
  await plane.deliver()
  const sandbox = at(plane.sandboxes, plane.sandboxes.length - 1)
  const assignment = valueOf(await plane.claim(sandbox))
  await plane.finish(sandbox, saved)
  return { task, assignment }
}

/** A session `a` that one run has saved. */
const savedSession = async (store = betweenStore()) => {
  const plane = testPlane({ store })
  const agent = await plane.makeAgent()
  await runIn(plane, { agent_id: agent.id, session_id: 'a' }, { turn: 1, saved: both })
  return { plane, agent, store }
}

const sessionOf = async (plane: TestPlane, session_id: string) => plane.deps.store.get(refs.session(plane.workspace_id, session_id))
const holdersOf = async (plane: TestPlane, session_id: string, turn = 1, fencing_token = 1) =>
  (await plane.deps.store.get(refs.sharedFile({ workspace_id: plane.workspace_id, session_id, file: 'workspace', fencing_token, turn })))?.holders

const tryAccept = async (plane: TestPlane, params: Partial<CommandParamsInput>, workspace_id = plane.workspace_id) =>
  acceptCommand(plane.deps, { workspace_id, params: CommandParams.parse({ message: 'x', ...params }), body_hash: JSON.stringify(params) })

test('a fork begins with what its source had saved when it was accepted, whatever the source does then', async () => {
  const { plane, agent } = await savedSession()
  const { task } = await plane.accept({ agent_id: agent.id, session_id: 'b', fork_from, not_before: '2026-11-22T10:00:00Z' })
  expect(task).toMatchObject({ state: 'sleeping', session_id: 'b' })
  const next = await runIn(plane, { agent_id: agent.id, session_id: 'a' }, { turn: 1, saved: both })
  expect(next.assignment.restore).toEqual(urlsOf('a', '1.1'))
  await sweepAndDeliver(plane)
  expect(plane.removed).toEqual([])
  plane.advance(3_600_001)
  await sweepAndDeliver(plane)
  const assignment = valueOf(await plane.claim(at(plane.sandboxes, 2)))
  expect(assignment).toMatchObject({ session_id: 'b', transcript_of: 'a', fencing_token: 1, restore: urlsOf('a', '1.1') })
  expect((await sessionOf(plane, 'a'))?.checkpoint).toMatchObject({ workspace: { fencing_token: 2 }, transcript: { fencing_token: 2 } })
})

test('each saves its own; the files that they shared are removed once none names them, and its own of each by itself', async () => {
  const { plane, agent } = await savedSession()
  const shared = { workspace_id: plane.workspace_id, session_id: 'a', fencing_token: 1, turn: 1 }
  // The first attempt of the fork has the fencing token that the shared files lie under.
  const fork = await runIn(plane, { agent_id: agent.id, session_id: 'b', fork_from }, { turn: 1, saved: { workspace_bytes: 2 } })
  expect(fork.assignment.restore).toEqual(urlsOf('a', '1.1'))
  expect(await sessionOf(plane, 'b')).toMatchObject({
    checkpoint: { workspace: { fencing_token: 1, turn: 1, bytes: 2 }, transcript: { session_id: 'a', shared: true } },
    forked_from: { session_id: 'a' },
  })
  expect((await sessionOf(plane, 'b'))?.checkpoint?.workspace).not.toHaveProperty('session_id')
  await sweepAndDeliver(plane)
  expect([plane.removed, await holdersOf(plane, 'a')]).toEqual([[], 1])
  const next = await runIn(plane, { agent_id: agent.id, session_id: 'b' }, { turn: 1, saved: both })
  expect(next.assignment.restore).toEqual({ ...urlsOf('a', '1.1'), workspace_url: urlsOf('b', '1.1').workspace_url })
  expect(plane.removed).toEqual([{ ...shared, session_id: 'b', kind: 'workspace' }])
  await runIn(plane, { agent_id: agent.id, session_id: 'a' }, { turn: 1, saved: both })
  expect(plane.removed).toHaveLength(1)
  await sweepAndDeliver(plane)
  expect(plane.removed.slice(1).toSorted((one, other) => one.kind.localeCompare(other.kind))).toEqual([
    { ...shared, kind: 'transcript' },
    { ...shared, kind: 'workspace' },
  ])
  expect(await holdersOf(plane, 'a')).toBeUndefined()
})

test('a live attempt of the source goes on, before the fork and after it', async () => {
  const { plane, agent } = await savedSession()
  await plane.accept({ agent_id: agent.id, session_id: 'a' })
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 1)
  await plane.claim(sandbox)
  await sendTo(plane, sandbox.run_id, 'more')
  expect(await endOf(plane, sandbox, 1, { saved: both })).toMatchObject({ ok: true })
  await plane.accept({ agent_id: agent.id, session_id: 'b', fork_from })
  expect(await sessionOf(plane, 'b')).toMatchObject({ checkpoint: { workspace: { session_id: 'a', fencing_token: 2, turn: 1 } } })
  await take(plane, sandbox, 2)
  expect(await finishTurn(plane, sandbox, 2, { saved: { workspace_bytes: 3 } })).toMatchObject({ ok: true })
  expect(await holdersOf(plane, 'a', 1, 2)).toBe(1)
  await sweepAndDeliver(plane)
  expect(plane.removed.filter(({ fencing_token }) => fencing_token === 2)).toEqual([])
})

test('a turn of the source that is told again names the same files, and they stay shared', async () => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id, session_id: 'a', policy: { interactive: true } })
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 0)
  await plane.claim(sandbox)
  await endOf(plane, sandbox, 1, { saved: both, waits: true })
  await plane.accept({ agent_id: agent.id, session_id: 'b', fork_from })
  await finishTurn(plane, sandbox, 1, { saved: both, parks: 'input' })
  expect((await plane.task(task.id)).state).toBe('waiting')
  expect(await holdersOf(plane, 'a')).toBe(2)
  await runIn(plane, { agent_id: agent.id, session_id: 'a' }, { turn: 1, saved: both })
  expect([plane.removed, await holdersOf(plane, 'a')]).toEqual([[], 1])
})

test('a fork of a fork names the files of the first, and its transcript', async () => {
  const { plane, agent } = await savedSession()
  await plane.accept({ agent_id: agent.id, session_id: 'b', fork_from })
  await plane.accept({ agent_id: agent.id, session_id: 'c', fork_from: { session_id: 'b' } })
  expect(await holdersOf(plane, 'a')).toBe(3)
  expect(await sessionOf(plane, 'c')).toMatchObject({
    forked_from: { session_id: 'b' },
    transcript_of: 'a',
    checkpoint: { workspace: { session_id: 'a' }, transcript: { session_id: 'a' } },
  })
})

test('it is accepted once for its key, in one session', async () => {
  const { plane, agent } = await savedSession()
  const once = { agent_id: agent.id, fork_from, idempotency_key: 'k' }
  const raced = await Promise.all([1, 2, 3].map(async () => tryAccept(plane, once)))
  expect(new Set(raced.map((result) => valueOf(result).task.session_id)).size).toBe(1)
  const named_once = { ...once, session_id: 'b', idempotency_key: 'l' }
  const first = valueOf(await tryAccept(plane, named_once))
  expect(valueOf(await tryAccept(plane, named_once))).toMatchObject({ task: { id: first.task.id }, idempotent_hit: true, idempotency_mismatch: false })
  expect(await holdersOf(plane, 'a')).toBe(3)
})

test('a source that saves at the same moment is read again: the fork has what it has then', async () => {
  const { plane, agent, store } = await savedSession()
  store.beforeWriteOf('shared_file', async () => void (await runIn(plane, { agent_id: agent.id, session_id: 'a' }, { turn: 1, saved: both })))
  const { assignment } = await runIn(plane, { agent_id: agent.id, session_id: 'b', fork_from }, {})
  expect(assignment.restore).toEqual(urlsOf('a', '2.1'))
  expect(await holdersOf(plane, 'a', 1, 1)).toBeUndefined()
})

test('so is one whose files were shared, and are nobody’s any more', async () => {
  const { plane, agent, store } = await savedSession()
  await runIn(plane, { agent_id: agent.id, session_id: 'b', fork_from }, { turn: 1, saved: both })
  store.beforeWriteOf('shared_file', async () => void (await runIn(plane, { agent_id: agent.id, session_id: 'a' }, { turn: 1, saved: both })))
  const { assignment } = await runIn(plane, { agent_id: agent.id, session_id: 'c', fork_from }, {})
  expect(assignment.restore).toEqual(urlsOf('a', '2.1'))
  expect(await holdersOf(plane, 'a')).toBe(0)
})

test('a shared file that the last session stops to name while it is looked at is looked at again', async () => {
  const { plane, agent, store } = await savedSession()
  await runIn(plane, { agent_id: agent.id, session_id: 'b', fork_from }, { turn: 1, saved: both })
  store.beforeWriteOf('shared_file', async () => void (await runIn(plane, { agent_id: agent.id, session_id: 'a' }, { turn: 1, saved: both })))
  await sweepAndDeliver(plane)
  await sweepAndDeliver(plane)
  expect(plane.removed).toHaveLength(2)
})

test('a source that is forked while its attempt ends shares what it has then', async () => {
  const { plane, agent, store } = await savedSession()
  await plane.accept({ agent_id: agent.id, session_id: 'a' })
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 1)
  await plane.claim(sandbox)
  store.beforeWriteOf('run', async () => void (await plane.accept({ agent_id: agent.id, session_id: 'b', fork_from })))
  await plane.finish(sandbox, { turn: 1, saved: both })
  expect(plane.removed).toEqual([])
  expect(await holdersOf(plane, 'a')).toBe(1)
})

test('many forks at once all get their share, and write the source once', async () => {
  const { plane, agent } = await savedSession()
  const before = (await sessionOf(plane, 'a'))?.version ?? 0
  await Promise.all(Array.from({ length: 40 }, async (_, n) => plane.accept({ agent_id: agent.id, session_id: `fork-${n}`, fork_from })))
  expect(await holdersOf(plane, 'a')).toBe(41)
  expect((await sessionOf(plane, 'a'))?.version).toBe(before + 1)
})

test('what is broken off while a shared file is removed is done by the next sweep', async () => {
  const { plane, agent } = await savedSession()
  await runIn(plane, { agent_id: agent.id, session_id: 'b', fork_from }, { turn: 1, saved: both })
  await runIn(plane, { agent_id: agent.id, session_id: 'a' }, { turn: 1, saved: both })
  const broken = { ...plane.deps, files: { ...plane.deps.files, remove: async () => Promise.reject(new Error('no bucket')) } }
  expect(await sweep(broken, () => undefined)).toMatchObject({ failed: 2 })
  expect(plane.removed).toEqual([])
  await sweepAndDeliver(plane)
  expect(plane.removed).toHaveLength(2)
})

const refusals: readonly (readonly [string, Partial<CommandParamsInput>, string, string])[] = [
  ['an unknown session', { fork_from: { session_id: 'x' } }, 'not_found', 'fork_from.session_id'],
  ['a session that has saved nothing', { fork_from: { session_id: 'empty' } }, 'checkpoint_missing', 'fork_from.session_id'],
  ['one into a session that exists', { fork_from, session_id: 'empty' }, 'session_exists', 'session_id'],
  ['one into itself', { fork_from, session_id: 'a' }, 'session_exists', 'session_id'],
]
test.each(refusals)('a fork of %s is refused, and leaves nothing', async (_, params, code, field) => {
  const { plane, agent } = await savedSession()
  await runIn(plane, { agent_id: agent.id, session_id: 'empty' }, {})
  const before = await sessionOf(plane, 'a')
  expect(await tryAccept(plane, { ...params, agent_id: agent.id })).toMatchObject({ ok: false, code, errors: [{ field }] })
  expect(await sessionOf(plane, 'a')).toEqual(before)
  expect(await holdersOf(plane, 'a')).toBeUndefined()
})

test('a session of another workspace is not there', async () => {
  const { plane } = await savedSession()
  const other = { ...plane, workspace_id: WorkspaceId.parse(plane.deps.ids.mint('workspace')) }
  const agent = await plane.makeAgent()
  await plane.deps.store.commit([{ op: 'put_if_absent', record: { ...agent, workspace_id: other.workspace_id } }])
  expect(await tryAccept(plane, { agent_id: agent.id, fork_from }, other.workspace_id)).toMatchObject({
    ok: false,
    code: 'not_found',
    errors: [{ field: 'fork_from.session_id' }],
  })
})

test('explain says where the session of a task was forked from, of a later task in it too', async () => {
  const { plane, agent } = await savedSession()
  await plane.accept({ agent_id: agent.id, session_id: 'b', fork_from })
  const { task } = await plane.accept({ agent_id: agent.id, session_id: 'b' })
  expect(await explainTask(plane.deps, named(plane, task))).toMatchObject({
    ok: true,
    value: { forked_from: { session_id: SessionId.parse('a'), saved_at: '2026-11-22T09:00:00.000Z' } },
  })
})
