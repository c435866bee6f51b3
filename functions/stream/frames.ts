/** Server-sent events as text. Source: WHATWG HTML, "Server-sent events". */
import type { TaskEventBatch } from '../../shared/contract/task-logs.ts'
import type { StreamEnd } from '../../shared/contract/task-stream.ts'

/** JSON holds no line break, so one `data` line is enough. */
const frame = (event: string, id: string, data: unknown): string => `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`

/** What is new. The id is the reader's place behind it. */
export const batchFrame = (id: string, batch: TaskEventBatch): string => frame('batch', id, batch)

/** The task is over and the reader has all of it. */
export const endFrame = (id: string, end: StreamEnd): string => frame('end', id, end)

/** A comment: says that the connection lives, to the reader and to whatever lies between. */
export const heartbeat_frame = ': still here\n\n'

/** When to connect again after a connection that ends from now on. */
export const retryFrame = (ms: number): string => `retry: ${ms}\n\n`
