/**
 * `awslambda`, which the Node runtime of Lambda gives to functions that stream, and the stream itself. As there, status and headers
 * travel with the first write. Imports nothing but Node: it lives in the worker (worker.ts says why).
 * Source: AWS Lambda developer guide, "Writing response streaming-enabled Lambda functions".
 */
import { Writable } from 'node:stream'
import type { WorkerMessage } from './messages.ts'

type Post = (message: WorkerMessage) => void
export type StreamHandler = (event: unknown, stream: Writable, context: unknown) => unknown

const streaming = Symbol.for('aws.lambda.runtime.handler.streaming')
type Head = Extract<WorkerMessage, { type: 'head' }>['head']

/** One answer that is streamed. A piece counts as written when its reader has taken it. */
export class ResponseStream extends Writable {
  private head: Head = { statusCode: 200, headers: { 'content-type': 'application/octet-stream' } }
  private begun = false
  private taken: (() => void) | undefined
  private readonly invocation_id: string
  private readonly post: Post

  constructor(invocation_id: string, post: Post) {
    super()
    this.invocation_id = invocation_id
    this.post = post
  }

  setContentType(content_type: string): void {
    this.head.headers['content-type'] = content_type
  }
  setHead(head: Partial<Head>): void {
    this.head = { statusCode: head.statusCode ?? 200, headers: { ...head.headers } }
  }
  /** The reader has taken the last piece. */
  wasTaken(): void {
    const { taken } = this
    this.taken = undefined
    taken?.()
  }
  override _write(chunk: Uint8Array, _encoding: string, taken: () => void): void {
    if (!this.begun) this.post({ type: 'head', invocation_id: this.invocation_id, head: this.head })
    this.begun = true
    this.taken = taken
    this.post({ type: 'piece', invocation_id: this.invocation_id, bytes: new Uint8Array(chunk) })
  }
}

export const awslambda = {
  streamifyResponse: <H extends StreamHandler>(handler: H): H => Object.assign(handler, { [streaming]: 'response' }),
  HttpResponseStream: {
    from: (stream: Writable, head: Partial<Head>): Writable => {
      if (stream instanceof ResponseStream) stream.setHead(head)
      return stream
    },
  },
}

export const isStreaming = (handler: object): boolean => streaming in handler
