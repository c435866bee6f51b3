import { expect, test } from 'vitest'
import { createRunMemory } from '../../shared/flows/run-memory.ts'
import { reportFinish } from '../../shared/flows/runner.ts'
import { refs } from '../../shared/store/keys.ts'
import { RunId } from '../../shared/domain/ids.ts'
import { at, identity } from '../support/looks.ts'
import { testPlane, test_usage } from '../support/plane.ts'
import type { CommitResult, Store, Write } from '../../shared/store/store.ts'

const claimedAttempt = async (with_memory: boolean) => {
  const plane = testPlane()
  const agent = await plane.makeAgent()
  await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 0)
  if (with_memory) Object.assign(plane.deps, { runs: createRunMemory() })
  expect(await plane.claim(sandbox)).toMatchObject({ ok: true })
  return { plane, who: identity(plane, sandbox) }
}

/** Counts reads, and lets something happen before the first commit. */
const watched = (store: Store, before_commit: () => Promise<unknown> = async () => undefined) => {
  let reads = 0
  let commits = 0
  const watching: Store = {
    ...store,
    get: (ref, options) => {
      reads += 1
      return store.get(ref, options)
    },
    getMany: (refs) => {
      reads += 1
      return store.getMany(refs)
    },
    commit: async (writes: readonly Write[]): Promise<CommitResult> => {
      commits += 1
      if (commits === 1) await before_commit()
      return store.commit(writes)
    },
  }
  return { store: watching, reads: () => reads, commits: () => commits }
}

const done = { outcome: 'ok', usage: test_usage } as const

test('who claimed an attempt reads what its end touches at once', async () => {
  for (const [with_memory, reads] of [
    [false, 3],
    [true, 2],
  ] as const) {
    const { plane, who } = await claimedAttempt(with_memory)
    const watch = watched(plane.deps.store)
    expect(await reportFinish({ ...plane.deps, store: watch.store }, who, done)).toEqual({ ok: true, value: { recorded: true } })
    // The command is the last: this plane remembers none.
    expect(watch.reads()).toBe(reads)
  }
})

test('after a conflict everything is read again', async () => {
  const { plane, who } = await claimedAttempt(true)
  const usage = { ...test_usage, input_tokens: 7 }
  const watch = watched(plane.deps.store, () => plane.finish(at(plane.sandboxes, 0), { outcome: 'ok', usage }))
  expect(await reportFinish({ ...plane.deps, store: watch.store }, who, done)).toMatchObject({ ok: true })
  // What is read then says that the attempt is over: there is nothing to commit.
  expect(watch.commits()).toBe(1)
  const run = await plane.deps.store.get(refs.run(who.workspace_id, who.run_id))
  expect(run?.attempt).toMatchObject({ status: 'ok', usage: { input_tokens: 7 } })
})

test('it is bounded, the oldest goes first, and a run of another workspace is not found', async () => {
  const { plane, who } = await claimedAttempt(true)
  const memory = createRunMemory()
  const names = plane.deps.runs?.find(who.workspace_id, who.run_id)
  if (names === undefined) throw new Error('the claim is not remembered')
  const idOf = (count: number) => RunId.parse(`run_${String(count).padStart(26, '0')}`)
  for (let count = 0; count <= 2_000; count += 1) memory.keep({ ...names, id: idOf(count) })
  expect(memory.find(names.workspace_id, idOf(0))).toBeUndefined()
  expect(memory.find(names.workspace_id, idOf(1))).toEqual({ ...names, id: idOf(1) })
  expect(memory.find('ws_other', idOf(1))).toBeUndefined()
})
