/** The function that streams, over the memory store: a reader that takes what it sends, and goes when it likes. */
import { Writable } from 'node:stream'
import * as z from 'zod'
import { streamHandler, type Head } from '../../functions/stream/handler.ts'
import { TaskEventBatch } from '../../shared/contract/task-logs.ts'
import { StreamEnd } from '../../shared/contract/task-stream.ts'
import { gatewayEvent, type ApiPlane, type Sent } from './http.ts'

export interface StreamEvent {
  readonly id: string
  readonly event: string
  readonly data: unknown
}
export interface Streamed {
  readonly status: number
  readonly headers: Head['headers']
  readonly text: string
  readonly events: readonly StreamEvent[]
  readonly batches: readonly TaskEventBatch[]
  /** How the task ended, where the stream said so. */
  readonly end: StreamEnd | undefined
  /** What to come back with. */
  readonly last_id: string | undefined
}

const field = (block: string, name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]

/** The events of a text that may break off anywhere. */
const eventsOf = (text: string): readonly StreamEvent[] =>
  text
    .split('\n\n')
    .slice(0, -1)
    .flatMap((block) => {
      const data = field(block, 'data')
      return data === undefined ? [] : [{ id: field(block, 'id') ?? '', event: field(block, 'event') ?? '', data: z.json().parse(JSON.parse(data)) }]
    })

export const streamedOf = (head: Head | undefined, text: string): Streamed => {
  const events = head?.statusCode === 200 ? eventsOf(text) : []
  const of = (name: string) => events.filter(({ event }) => event === name).map(({ data }) => data)
  return {
    status: head?.statusCode ?? 0,
    headers: head?.headers ?? {},
    text,
    events,
    batches: of('batch').map((data) => TaskEventBatch.parse(data)),
    end: of('end').map((data) => StreamEnd.parse(data))[0],
    last_id: events.at(-1)?.id,
  }
}

export interface Reading extends Sent {
  readonly method?: string
  /** `Last-Event-ID`. */
  readonly after?: string | undefined
  /** How long the function may still run when it begins. */
  readonly time_ms?: number
  /** What happens while the function waits. */
  readonly meanwhile?: () => Promise<void>
  /** Goes once so many characters came. */
  readonly leave_after?: number
  /** Takes nothing, or each piece late. */
  readonly takes?: 'nothing' | 'late'
}

const aborted = (signal: AbortSignal): Promise<void> => new Promise((resolve) => signal.addEventListener('abort', () => resolve()))

/** Reads one stream to its end, or until the reader goes. */
export const readStream = async (plane: ApiPlane, path: string, reading: Reading): Promise<Streamed> => {
  let text = ''
  let head: Head | undefined
  const out = new Writable({
    highWaterMark: 1_024,
    write: (chunk, _encoding, taken) => {
      text += String(chunk)
      if (reading.leave_after !== undefined && text.length >= reading.leave_after) return void out.destroy()
      if (reading.takes === 'late') setTimeout(taken, 5)
      else if (reading.takes === undefined) taken()
    },
  })
  const handler = streamHandler({
    store: plane.deps.store,
    clock: plane.deps.clock,
    log: { info: (code, fields) => plane.log_lines.push({ level: 'info', code, fields, cause: undefined }), warn: () => undefined, error: () => undefined },
    metrics: { count: (name) => void plane.counts.push(name) },
    begin: (stream, begun) => {
      head = begun
      return stream
    },
    sleep: async (ms, signal) => {
      await new Promise((resolve) => setImmediate(resolve))
      if (signal.aborted) return
      // A long wait is for the reader, which comes.
      if (reading.takes === 'late' && ms > 10_000) return aborted(signal)
      plane.advance(Math.ceil(ms))
      await reading.meanwhile?.()
    },
  })
  const { after, headers, method = 'GET', time_ms = 60_000, ...sent } = reading
  const event = gatewayEvent(method, path, {
    ...sent,
    headers: { accept: 'text/event-stream', ...(after === undefined ? {} : { 'last-event-id': after }), ...headers },
  })
  await handler(event, out, { getRemainingTimeInMillis: () => time_ms })
  const cut = reading.leave_after === undefined ? text : text.slice(0, reading.leave_after)
  return streamedOf(head, cut)
}
