/** The attempts of a run, first to latest. */
import * as z from 'zod'
import { ok, type Result } from '../domain/result.ts'
import type { Attempt, Run } from '../domain/run.ts'
import type { Store } from '../store/store.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { attemptsOf } from './session-attempts.ts'
import type { Listed, ListPage } from './tasks.ts'

const AttemptNo = z.int().min(1)

export const listRunAttempts = async (store: Store, run: Run, { limit, cursor }: ListPage): Promise<Result<Listed<Attempt>>> => {
  const position = cursor === undefined ? ok(0) : decodeCursor('attempts', AttemptNo, cursor)
  if (!position.ok) return position
  const rest = (await attemptsOf(store, run)).filter((attempt) => attempt.attempt_no > position.value)
  const items = rest.slice(0, limit)
  const last = items.at(-1)
  return ok({ items, ...(rest.length > limit && last !== undefined ? { next_cursor: encodeCursor('attempts', last.attempt_no) } : {}) })
}
