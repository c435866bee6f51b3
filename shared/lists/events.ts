/** The events and snapshots of a run, oldest first. */
import * as z from 'zod'
import type { RunEventView, SnapshotView } from '../contract/runs.ts'
import type { RunEvent } from '../domain/event.ts'
import { ok, type Result } from '../domain/result.ts'
import type { Run } from '../domain/run.ts'
import { recordPartition, refs } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { acceptedEvent, acceptedSnapshot, eventView, snapshotView } from '../views/event-view.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { examined_max } from './pages.ts'
import type { Listed, ListPage } from './tasks.ts'

const Seq = z.int().min(0).max(99_999_999)

interface Events {
  readonly events: readonly RunEvent[]
  readonly more: boolean
}

/** The stored events behind `after`; event 1 is not stored. None is newer than the run as it was read, so that both tell of the same moment. */
const storedEvents = async (store: Store, run: Run, after: number, limit: number): Promise<Events> => {
  if (limit < 1 || Math.max(1, after) >= run.event_seq) return { events: [], more: Math.max(1, after) < run.event_seq }
  const page = await store.range({
    index: 'table',
    pk: recordPartition(run.workspace_id, run.id),
    from: refs.event(run.workspace_id, run.id, Math.max(2, after + 1)).sk,
    to: refs.event(run.workspace_id, run.id, run.event_seq).sk,
    limit,
  })
  return { events: page.records.flatMap((record) => (record.kind === 'event' ? [record] : [])), more: page.after !== undefined }
}

export interface EventsAfter {
  readonly items: readonly RunEventView[]
  /** The `seq` of the last one, or `after` where there is none. */
  readonly last: number
  readonly more: boolean
}

/** The events of a run behind a `seq`, at most `limit`. */
export const eventsAfter = async (store: Store, run: Run, after: number, limit: number): Promise<EventsAfter> => {
  const first = after < 1 ? [acceptedEvent(run)] : []
  const { events, more } = await storedEvents(store, run, after, limit - first.length)
  const items = [...first, ...events.map(eventView)]
  return { items, last: items.at(-1)?.seq ?? after, more }
}

export const listRunEvents = async (store: Store, run: Run, { limit, cursor }: ListPage): Promise<Result<Listed<RunEventView>>> => {
  const position = cursor === undefined ? ok(0) : decodeCursor('run-events', Seq, cursor)
  if (!position.ok) return position
  const { items, last, more } = await eventsAfter(store, run, position.value, limit)
  return ok({ items, ...(more ? { next_cursor: encodeCursor('run-events', last) } : {}) })
}

export const listRunSnapshots = async (store: Store, run: Run, { limit, cursor }: ListPage): Promise<Result<Listed<SnapshotView>>> => {
  const position = cursor === undefined ? ok(0) : decodeCursor('run-snapshots', Seq, cursor)
  if (!position.ok) return position
  const items: SnapshotView[] = position.value < 1 ? [acceptedSnapshot(run)] : []
  let last = Math.max(1, position.value)
  for (let examined = 0; examined < examined_max && items.length < limit;) {
    const { events, more } = await storedEvents(store, run, last, 100)
    for (const event of events) {
      if (items.length >= limit) break
      const snapshot = snapshotView(event)
      if (snapshot !== undefined) items.push(snapshot)
      last = event.seq
    }
    if (!more && last >= (events.at(-1)?.seq ?? last)) return ok({ items })
    examined += Math.max(1, events.length)
  }
  return ok({ items, next_cursor: encodeCursor('run-snapshots', last) })
}
