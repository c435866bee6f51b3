/** The attempts that a kill has found live, and what became of each. */
import * as z from 'zod'
import { isLive, type Run } from '../domain/run.ts'
import { ok, type Result } from '../domain/result.ts'
import { killPartition, refs } from '../store/keys.ts'
import type { KilledAttemptView } from '../contract/kill.ts'
import type { Kill, KilledAttempt } from '../domain/gate.ts'
import type { WorkspaceId } from '../domain/ids.ts'
import type { Store } from '../store/store.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import type { Listed, ListPage } from './tasks.ts'

/** A run that has gone on to another attempt was not killed in this one: the attempt that was is over, and nobody asked compute about it. */
const stateOf = (killed: KilledAttempt, run: Run | undefined): KilledAttemptView['state'] => {
  const attempt = run?.attempt
  if (attempt?.id !== killed.attempt_id) return 'unknown'
  if (isLive(attempt)) return 'stopping'
  return attempt.killed === 'confirmed' ? 'stopped' : 'unknown'
}

/** In the order of their runs. Complete for what was killed so far: it is read from the table itself. */
export const listKilled = async (store: Store, ws: WorkspaceId, kill: Kill, { limit, cursor }: ListPage): Promise<Result<Listed<KilledAttemptView>>> => {
  const name = `killed:${kill.killed_at}`
  const position = cursor === undefined ? ok(undefined) : decodeCursor(name, z.string().min(1).max(200), cursor)
  if (!position.ok) return position
  const after = position.value === undefined ? {} : { after: position.value }
  const page = await store.range({ index: 'table', pk: killPartition(ws, kill.killed_at), limit, ...after })
  const killed = page.records.filter((record) => record.kind === 'killed_attempt')
  const runs = await store.getMany(killed.map((one) => refs.run(ws, one.run_id)))
  const items = killed.map((one, index) => {
    const { task_id, run_id, attempt_no, attempt_id } = one
    return { task_id, run_id, attempt_no, attempt_id, state: stateOf(one, runs[index]) }
  })
  return ok({ items, ...(page.after === undefined ? {} : { next_cursor: encodeCursor(name, page.after) }) })
}
