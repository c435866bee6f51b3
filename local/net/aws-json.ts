/**
 * The AWS JSON protocol (1.0 and 1.1): POST /, the operation in `X-Amz-Target`, errors as `{__type, message}`.
 * Source: Smithy, "AWS JSON 1.0/1.1 protocol". Signatures are not checked: only loopback clients with made-up keys call.
 */
import { randomUUID } from 'node:crypto'
import type { HttpHandler } from './listen.ts'
import { readBody } from './body.ts'

/** An error that the caller's SDK shall see. */
export class AwsError extends Error {
  readonly code: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Members of the error beside its message. */
  readonly fields: Readonly<Record<string, unknown>>

  constructor(
    code: string,
    message: string,
    more: { status?: number; headers?: Readonly<Record<string, string>>; fields?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message)
    this.code = code
    this.status = more.status ?? 400
    this.headers = more.headers ?? {}
    this.fields = more.fields ?? {}
  }
}

/** Gets the parsed body; `gone` is aborted when the caller hangs up. */
export type Operation = (body: unknown, gone: AbortSignal) => Promise<unknown>

const body_bytes_max = 4 * 1_048_576

const parseBody = (body: Buffer): unknown => {
  try {
    return body.length === 0 ? {} : JSON.parse(body.toString('utf8'))
  } catch {
    throw new AwsError('SerializationException', 'the body is not JSON')
  }
}

/** Serves `operations` by name. */
export const awsJsonHandler = (version: '1.0' | '1.1', operations: Readonly<Record<string, Operation>>): HttpHandler => {
  const contentType = `application/x-amz-json-${version}`
  return async (request, response) => {
    const answer = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}) => {
      response.writeHead(status, { 'content-type': contentType, 'x-amzn-requestid': randomUUID(), ...headers }).end(JSON.stringify(value))
    }
    const gone = new AbortController()
    // After a whole answer nobody listens any more, and an abort would cost as much as the answer.
    response.once('close', () => {
      if (!response.writableFinished) gone.abort()
    })
    try {
      const name =
        String(request.headers['x-amz-target'] ?? '')
          .split('.')
          .at(-1) ?? ''
      const operation = operations[name]
      if (request.method !== 'POST' || operation === undefined)
        throw new AwsError('UnknownOperationException', `the local stack does not offer ${name || 'this'}`)
      const body = await readBody(request, body_bytes_max)
      if (body === 'too_large') throw new AwsError('RequestEntityTooLarge', 'the body is too large', { status: 413 })
      answer(200, await operation(parseBody(body), gone.signal))
    } catch (error) {
      if (!(error instanceof AwsError)) throw error
      answer(error.status, { __type: error.code, message: error.message, ...error.fields }, error.headers)
    }
  }
}
