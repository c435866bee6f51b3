/** The inputs of a run, oldest first: those that are pending, and those that are settled. */
import * as z from 'zod'
import type { Input } from '../domain/input.ts'
import { pendingInputs } from '../domain/inputs.ts'
import { ok, type Result } from '../domain/result.ts'
import type { Run } from '../domain/run.ts'
import { recordPartition, refs } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { examined_max } from './pages.ts'
import type { Listed, ListPage } from './tasks.ts'

const Seq = z.int().min(0).max(99_999_999)
const seq_max = 99_999_999
const page_size = 100

/** The inputs that a run has yet to take or to consume. */
export const pendingOf = async (store: Store, run: Run): Promise<readonly Input[]> => {
  const refsOf = pendingInputs(run).map(({ seq }) => refs.input(run.workspace_id, run.task_id, seq))
  if (refsOf.length === 0) return []
  return (await store.getMany(refsOf)).flatMap((input) => (input === undefined || input.settled !== undefined ? [] : [input]))
}

/** Accepted for the run, handed to it by an earlier one, or consumed by it. */
const isOf = (run: Run, input: Input): boolean => {
  if (input.run_id === run.id || pendingInputs(run).some(({ id }) => id === input.id)) return true
  const disposition = input.settled?.disposition
  return disposition?.kind === 'consumed' && disposition.run_id === run.id
}

/** @param state only these; absent: all */
export const listRunInputs = async (
  store: Store,
  run: Run,
  state: 'pending' | 'settled' | undefined,
  { limit, cursor }: ListPage,
): Promise<Result<Listed<Input>>> => {
  const position = cursor === undefined ? ok(0) : decodeCursor('run-inputs', Seq, cursor)
  if (!position.ok) return position
  const items: Input[] = []
  let last = position.value
  for (let examined = 0; examined < examined_max;) {
    const page = await store.range({
      index: 'table',
      pk: recordPartition(run.workspace_id, run.task_id),
      from: refs.input(run.workspace_id, run.task_id, last + 1).sk,
      to: refs.input(run.workspace_id, run.task_id, seq_max).sk,
      limit: page_size,
    })
    for (const record of page.records) {
      if (record.kind !== 'input') continue
      if (items.length >= limit) return ok({ items, next_cursor: encodeCursor('run-inputs', last) })
      last = record.seq
      const wanted = state === undefined || (state === 'pending') === (record.settled === undefined)
      if (wanted && isOf(run, record)) items.push(record)
    }
    if (page.after === undefined) return ok({ items })
    examined += page.records.length
  }
  return ok({ items, next_cursor: encodeCursor('run-inputs', last) })
}
