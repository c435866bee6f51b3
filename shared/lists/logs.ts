/** The logs of a task: of its whole session, and of its current run. */
import { ok, type Result } from '../domain/result.ts'
import type { LogView } from '../contract/task-logs.ts'
import { isLive, type Run } from '../domain/run.ts'
import type { Task } from '../domain/task.ts'
import { refs } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { emptyBasket, isFull, LogPosition, readAttempt, startOf, type Basket } from './log-reader.ts'
import { attemptsOf, sessionAttempts } from './session-attempts.ts'

const start_cursor = '0'
export const cursorAt = (position: LogPosition | undefined): string => (position === undefined ? start_cursor : encodeCursor('logs', position))

/** Undefined: from the start. */
export const logPosition = (cursor: string, field: string): Result<LogPosition | undefined> =>
  cursor === start_cursor ? ok(undefined) : decodeCursor('logs', LogPosition, cursor, field)

export interface LogPage {
  readonly items: readonly LogView[]
  readonly next_cursor?: string
  readonly resume_cursor: string
}

const isOver = (run: Run, attempt_no: number): boolean => attempt_no < run.attempt.attempt_no || !isLive(run.attempt)

/** The rest of the attempt that a cursor stands in. @returns the new position, and the token behind which the session goes on */
const readRest = async (
  store: Store,
  task: Task,
  from: LogPosition,
  basket: Basket,
  now_ms: number,
): Promise<{ at: LogPosition; token: number } | undefined> => {
  const run = await store.get(refs.run(task.workspace_id, from.run))
  if (run?.session_id !== task.session_id) return undefined
  const attempt = (await attemptsOf(store, run)).find((one) => one.attempt_no === from.attempt)
  if (attempt === undefined) return undefined
  const at = await readAttempt(store, { run, attempt_no: attempt.attempt_no, over: isOver(run, attempt.attempt_no) }, from, basket, now_ms)
  return { at, token: attempt.fencing_token }
}

/**
 * What was said and done in the session of a task, all of its attempts in order. A cursor of another session starts at the
 * beginning. `next_cursor` is there when the page is full; `resume_cursor` always.
 */
export const listSessionLogs = async (store: Store, task: Task, limit: number, cursor: string, now_ms: number): Promise<Result<LogPage>> => {
  const position = logPosition(cursor, 'cursor')
  if (!position.ok) return position
  const basket = emptyBasket(limit)
  // Read before the logs: if no later attempt has the session now, all that is written is in the attempt of the cursor.
  const session = await store.get(refs.session(task.workspace_id, task.session_id))
  const rest = position.value === undefined ? undefined : await readRest(store, task, position.value, basket, now_ms)
  let at = rest?.at
  const token = rest?.token ?? 0
  if (!isFull(basket) && (session?.fencing_token ?? 0) > token) {
    for (const { run, attempt } of await sessionAttempts(store, task.workspace_id, task.session_id, token)) {
      if (isFull(basket)) break
      const over = isOver(run, attempt.attempt_no)
      at = await readAttempt(store, { run, attempt_no: attempt.attempt_no, over }, startOf(run.id, attempt.attempt_no), basket, now_ms)
    }
  }
  const resume_cursor = cursorAt(at)
  return ok({ items: basket.items, ...(isFull(basket) ? { next_cursor: resume_cursor } : {}), resume_cursor })
}

/** The logs of one run behind a position; one of another run starts at the beginning. `more`: the page is full. */
export const readRunLogs = async (
  store: Store,
  run: Run,
  position: LogPosition | undefined,
  limit: number,
  now_ms: number,
): Promise<{ logs: readonly LogView[]; at: LogPosition; more: boolean }> => {
  const basket = emptyBasket(limit)
  let at = position?.run === run.id && position.attempt <= run.attempt.attempt_no ? position : startOf(run.id, 1)
  for (;;) {
    at = await readAttempt(store, { run, attempt_no: at.attempt, over: isOver(run, at.attempt) }, at, basket, now_ms)
    if (isFull(basket) || at.attempt >= run.attempt.attempt_no) return { logs: basket.items, at, more: isFull(basket) }
    at = startOf(run.id, at.attempt + 1)
  }
}
