/**
 * A task's events as they happen (shared/contract/task-stream.ts).
 *
 *     connect ─ batch ─ batch ─ ✗   connect again with the last id ─ batch ─ end
 *        └ refused or silent too often in a row: ask instead (follow.ts), from the last batch on
 */
import { TaskEventBatch } from '../shared/contract/task-logs.ts'
import { operations } from '../shared/contract/operations.ts'
import { workspace_header } from '../shared/contract/workspaces.ts'
import { LanekeeperError } from './error.ts'
import { receive, StreamUnavailable } from './event-source.ts'
import { cursorsOf, followTask, type FollowOptions, type FollowPorts, type Place } from './follow.ts'
import { parseJson, type Transport } from './http.ts'

export interface StreamPorts extends FollowPorts {
  readonly transport: Transport
  /** Operators only: act in this workspace instead of the key's own. */
  readonly workspace_id?: string | undefined
  /** Where events are streamed; undefined where they are not. */
  readonly streamUrl: () => Promise<string | undefined>
}

/** So many connections in a row that bring nothing, and the task is polled. */
const failures_max = 4
const backoff_ms = 250
const backoff_ms_max = 5_000

/** Where the reader is: by the id of the last event, or before the first one by a batch. */
interface Reader {
  place: Place | undefined
  id: string | undefined
  /** What the server asked for. */
  retry_ms: number
  failures: number
}

const pathOf = (task_id: string, reader: Reader): string => {
  const path = operations.streamTaskEvents.path.replace('{task_id}', encodeURIComponent(task_id))
  const query = new URLSearchParams(Object.entries(reader.id === undefined ? cursorsOf(reader.place) : {})).toString()
  return query === '' ? path : `${path}?${query}`
}

const headersOf = ({ workspace_id }: StreamPorts, { id }: Reader): Record<string, string> => ({
  ...(workspace_id === undefined ? {} : { [workspace_header]: workspace_id }),
  ...(id === undefined ? {} : { 'last-event-id': id }),
})

const unexpected = (): LanekeeperError =>
  new LanekeeperError({
    code: 'unexpected_answer',
    status: 200,
    detail: 'the stream holds a batch that is not what the contract says. The server may be of another version than this client.',
  })

/** The batches of one connection. @returns whether the task is over and all was delivered */
async function* batches(ports: StreamPorts, url: string, task_id: string, reader: Reader, signal: AbortSignal): AsyncGenerator<TaskEventBatch, boolean> {
  const wanted = { url, path: pathOf(task_id, reader), headers: headersOf(ports, reader), signal }
  for await (const received of receive(ports.transport, wanted)) {
    if (received.kind === 'over') return true
    if (received.kind === 'retry') {
      // The first thing that a stream says: somebody is there.
      reader.failures = 0
      reader.retry_ms = received.ms
      continue
    }
    const { event, id, data } = received.event
    if (event === 'end') return true
    // A newer server may send more kinds of events.
    if (event !== 'batch') continue
    const batch = TaskEventBatch.safeParse(parseJson(data))
    if (!batch.success) throw unexpected()
    reader.id = id ?? reader.id
    reader.place = batch.data
    yield batch.data
  }
  return false
}

/** One connection, broken or not; what it leaves behind is in the reader. */
async function* connected(ports: StreamPorts, url: string, task_id: string, reader: Reader, signal?: AbortSignal): AsyncGenerator<TaskEventBatch, boolean> {
  const leaving = new AbortController()
  const either = signal === undefined ? leaving.signal : AbortSignal.any([signal, leaving.signal])
  try {
    const over = yield* batches(ports, url, task_id, reader, either)
    if (!over) reader.failures += 1
    return over
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof StreamUnavailable)) throw error
    reader.failures += 1
    return false
  } finally {
    leaving.abort()
  }
}

const waitMs = ({ transport }: StreamPorts, { failures, retry_ms }: Reader): number =>
  failures <= 1 ? retry_ms * transport.random() : Math.min(backoff_ms * 2 ** failures, backoff_ms_max) * transport.random()

/** Where streams are; whoever cannot say so will be asked for batches, and fails there if it is really away. */
const urlOf = async ({ streamUrl }: StreamPorts): Promise<string | undefined> => {
  try {
    return await streamUrl()
  } catch {
    return undefined
  }
}

/**
 * Yields each batch that holds something new, and ends when the task has ended and all was delivered. Throws what the client throws,
 * and the signal's reason when it is aborted.
 */
export async function* streamTaskEvents(ports: StreamPorts, task_id: string, options: FollowOptions = {}): AsyncGenerator<TaskEventBatch, undefined> {
  const { signal } = options
  const reader: Reader = { place: options.after, id: undefined, retry_ms: backoff_ms, failures: 0 }
  const url = await urlOf(ports)
  signal?.throwIfAborted()
  while (url !== undefined && reader.failures < failures_max) {
    if (yield* connected(ports, url, task_id, reader, signal)) return undefined
    await ports.sleep(waitMs(ports, reader), signal)
    signal?.throwIfAborted()
  }
  yield* followTask(ports, task_id, { after: reader.place, signal })
  return undefined
}
