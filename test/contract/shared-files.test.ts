/** Custody of saved files: whatever is forked and saved, a file that a session names is there, and one that none names goes. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkpoint_kinds, type Session } from '../../shared/domain/session.ts'
import { sharedFileName } from '../../shared/domain/shared-file.ts'
import { refs } from '../../shared/store/keys.ts'
import { valueOf } from '../support/inputs.ts'
import { at, sweepAndDeliver } from '../support/looks.ts'
import { testPlane, type TestPlane } from '../support/plane.ts'

const saves = fc.record({ workspace: fc.boolean(), transcript: fc.boolean() })
const acts = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ act: fc.constant('run' as const), session: fc.nat(5), saves }) },
    { weight: 3, arbitrary: fc.record({ act: fc.constant('fork' as const), session: fc.nat(5), saves }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('sweep' as const) }) },
  ),
  { minLength: 1, maxLength: 25 },
)

const nameOf = (file: { readonly session_id: string; readonly fencing_token: number; readonly turn?: number | undefined }, kind: string): string =>
  `${file.session_id}/${file.fencing_token}/${file.turn}/${kind}`

/** The files that the sessions name, each as often as it is named. */
const namedFiles = async (plane: TestPlane, session_ids: readonly string[]): Promise<readonly string[]> => {
  const sessions = await plane.deps.store.getMany(session_ids.map((id) => refs.session(plane.workspace_id, id)))
  return sessions
    .filter((session): session is Session => session !== undefined)
    .flatMap((session) =>
      checkpoint_kinds.flatMap((kind) => {
        const file = session.checkpoint?.[kind]
        return file === undefined ? [] : [nameOf(sharedFileName(session, kind, file), kind)]
      }),
    )
}

test('every file that a session names is there, and every file that none names is gone after a sweep', async () => {
  await fc.assert(
    fc.asyncProperty(acts, async (list) => {
      const plane = testPlane()
      const agent = await plane.makeAgent()
      const sessions = ['s0']
      const uploaded = new Set<string>()
      const run = async (session_id: string, which: { readonly workspace: boolean; readonly transcript: boolean }, fork?: string): Promise<void> => {
        await plane.accept({ agent_id: agent.id, session_id, ...(fork === undefined ? {} : { fork_from: { session_id: fork } }) })
        await plane.deliver()
        const sandbox = at(plane.sandboxes, plane.sandboxes.length - 1)
        const { fencing_token } = valueOf(await plane.claim(sandbox))
        for (const kind of checkpoint_kinds) if (which[kind]) uploaded.add(nameOf({ session_id, fencing_token, turn: 1 }, kind))
        await plane.finish(sandbox, {
          turn: 1,
          saved: { ...(which.workspace ? { workspace_bytes: 1 } : {}), ...(which.transcript ? { transcript_bytes: 1 } : {}) },
        })
      }
      await run('s0', { workspace: true, transcript: true })
      for (const step of list) {
        plane.advance(1_000)
        if (step.act === 'sweep') await sweepAndDeliver(plane)
        if (step.act === 'run') await run(at(sessions, step.session % sessions.length), step.saves)
        if (step.act === 'fork') {
          const source = at(sessions, step.session % sessions.length)
          sessions.push(`s${sessions.length}`)
          await run(at(sessions, sessions.length - 1), step.saves, source)
        }
        const removed = new Set(plane.removed.map((file) => nameOf(file, file.kind)))
        expect((await namedFiles(plane, sessions)).filter((name) => removed.has(name) || !uploaded.has(name))).toEqual([])
      }
      plane.advance(60_000)
      await sweepAndDeliver(plane)
      const there = new Set(plane.removed.map((file) => nameOf(file, file.kind)))
      expect([...uploaded].filter((name) => !there.has(name)).toSorted()).toEqual([...new Set(await namedFiles(plane, sessions))].toSorted())
    }),
    { numRuns: 60 },
  )
})
