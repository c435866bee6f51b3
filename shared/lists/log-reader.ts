/**
 * Reading logs behind a position. A position is an attempt and the last entry seen of it. Entries of an attempt count from 1; the
 * prompt of a run, which is made up from its command, comes before them as entry 0 of its first attempt.
 */
import * as z from 'zod'
import type { LogView } from '../contract/task-logs.ts'
import { RunId } from '../domain/ids.ts'
import type { LogEntry } from '../domain/event.ts'
import type { Run } from '../domain/run.ts'
import { logPartition, refs } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { logView, promptView } from '../views/log-view.ts'
import { bytesOf, page_bytes_max } from './pages.ts'
import { commandsOf } from './tasks.ts'

/** `chunk` is the `seq` of the stored chunk that holds `seq`; -1 means that not even the prompt was seen. */
export const LogPosition = z.strictObject({
  run: RunId,
  attempt: z.int().min(1).max(1_000_000),
  chunk: z.int().min(0).max(9_999_999_999),
  seq: z.int().min(-1).max(9_999_999_999),
})
export type LogPosition = z.infer<typeof LogPosition>

/** Collects entries up to a number and a size. */
export interface Basket {
  readonly items: LogView[]
  readonly limit: number
  bytes: number
}
export const emptyBasket = (limit: number): Basket => ({ items: [], limit, bytes: 0 })
export const isFull = (basket: Basket): boolean => basket.items.length >= basket.limit || basket.bytes >= page_bytes_max

const put = (basket: Basket, item: LogView): void => {
  basket.items.push(item)
  basket.bytes += bytesOf(item)
}

/** Chunks are written side by side, so a later one may be seen first. Entries that are younger than this are held back until the gap before them has closed. */
const gap_patience_ms = 10_000
const chunks_per_query = 20

interface Attempt {
  readonly run: Run
  readonly attempt_no: number
  /** Nothing more is written to it. */
  readonly over: boolean
}

export const startOf = (run_id: RunId, attempt_no: number): LogPosition => ({ run: run_id, attempt: attempt_no, chunk: 0, seq: attempt_no === 1 ? -1 : 0 })

const readPrompt = async (store: Store, run: Run, basket: Basket): Promise<void> => {
  const task = await store.get(refs.task(run.workspace_id, run.task_id))
  if (task === undefined) throw new Error(`the task of ${run.id} is missing`)
  const [command] = await commandsOf(store, [task])
  if (command !== undefined) put(basket, promptView(run, command.params.message))
}

const isHeldBack = (entry: LogEntry, seq: number, over: boolean, now_ms: number): boolean =>
  !over && entry.seq > seq + 1 && now_ms - entry.timestamp < gap_patience_ms

/** Reads an attempt's entries behind a position into the basket, until there are no more or it is full. @returns the new position */
export const readAttempt = async (
  store: Store,
  { run, attempt_no, over }: Attempt,
  from: LogPosition,
  basket: Basket,
  now_ms: number,
): Promise<LogPosition> => {
  let { chunk, seq } = from
  if (seq < 0) {
    await readPrompt(store, run, basket)
    seq = 0
  }
  const at = (): LogPosition => ({ run: run.id, attempt: attempt_no, chunk, seq })
  for (let after: string | undefined; !isFull(basket);) {
    const page = await store.range({
      index: 'table',
      pk: logPartition(run.workspace_id, run.id, attempt_no),
      from: refs.log(run.workspace_id, run.id, attempt_no, chunk).sk,
      limit: chunks_per_query,
      ...(after === undefined ? {} : { after }),
    })
    for (const record of page.records) {
      if (record.kind !== 'log') continue
      for (const entry of record.entries) {
        if (entry.seq <= seq) continue
        if (isFull(basket) || isHeldBack(entry, seq, over, now_ms)) return at()
        put(basket, logView(run, attempt_no, entry))
        chunk = record.seq
        seq = entry.seq
      }
    }
    if (page.after === undefined) return at()
    after = page.after
  }
  return at()
}
