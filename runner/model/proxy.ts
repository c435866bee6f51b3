/**
 * The agent's only way to the model: HTTP on a unix socket. It passes on nothing but requests for messages, puts the credential on them
 * that the agent never sees, counts what they use, and refuses once the budget is spent.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { readAnswer } from './answers.ts'
import type { Meter } from './meter.ts'
import { askingForOneTool } from './one-tool.ts'
import type { Upstream } from './upstream.ts'

export interface ModelProxyInput {
  readonly socket_path: string
  readonly upstream: Upstream
  readonly meter: Meter
  /** The model is asked for one use of a tool per message. */
  readonly one_tool_at_a_time: boolean
}
export interface ModelProxy {
  close(): Promise<void>
}

const body_bytes_max = 64 * 1_048_576

/** What the agent's own headers may not say: who it is, and what is between it and this proxy. */
const dropped_request_headers = [
  'authorization',
  'x-api-key',
  'cookie',
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'accept-encoding',
  'expect',
  'keep-alive',
  'upgrade',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
]
const dropped_response_headers = ['connection', 'content-length', 'content-encoding', 'transfer-encoding', 'keep-alive', 'set-cookie']
/** No repeat helps against these; without this header the agent would repeat a 401 for minutes. */
const final_statuses = [400, 401, 403, 404, 413]
const no_retry = { 'x-should-retry': 'false' }

const sendError = (response: ServerResponse, status: number, type: string, message: string): void => {
  const headers = { 'content-type': 'application/json', ...(status >= 500 ? {} : no_retry) }
  response.writeHead(status, headers).end(JSON.stringify({ type: 'error', error: { type, message } }))
}

const readBody = async (incoming: IncomingMessage): Promise<Buffer | undefined> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of incoming) {
    if (!Buffer.isBuffer(chunk)) continue
    bytes += chunk.length
    if (bytes > body_bytes_max) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const passedHeaders = (incoming: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(incoming.headers).flatMap(([name, value]) =>
      value === undefined || dropped_request_headers.includes(name) ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  )

const passAnswer = async (answer: Response, response: ServerResponse, see: (value: unknown) => void): Promise<void> => {
  const headers = [...answer.headers].filter(([name]) => !dropped_response_headers.includes(name))
  response.writeHead(answer.status, { ...Object.fromEntries(headers), ...(final_statuses.includes(answer.status) ? no_retry : {}) })
  const reader = readAnswer(answer.headers.get('content-type') ?? '', see)
  for await (const bytes of answer.body ?? []) {
    reader.push(bytes)
    if (!response.write(bytes)) await Promise.race([once(response, 'drain'), once(response, 'close')])
  }
  reader.end()
  response.end()
}

const handle = async (incoming: IncomingMessage, response: ServerResponse, { upstream, meter, one_tool_at_a_time }: ModelProxyInput): Promise<void> => {
  const url = new URL(incoming.url ?? '/', 'http://model')
  const read = await readBody(incoming)
  if (read === undefined) return sendError(response, 413, 'request_too_large', 'the request is too large')
  const body = one_tool_at_a_time ? askingForOneTool(read) : read
  const model = upstream.modelOf(incoming.method ?? '', url.pathname, body)
  if (model === undefined)
    return sendError(response, 403, 'permission_error', `the sandbox may only ask the model for messages, not ${incoming.method} ${url.pathname}`)
  if ((meter.leftUsd() ?? 1) <= 0) {
    meter.refuse()
    return sendError(response, 400, 'invalid_request_error', 'budget_exceeded: the budget of this run is spent')
  }
  const closed = new AbortController()
  response.on('close', () => closed.abort())
  const signed = await upstream.sign({ path: `${url.pathname}${url.search}`, headers: passedHeaders(incoming), body })
  const answer = await fetch(signed.url, {
    method: 'POST',
    headers: { ...signed.headers, 'accept-encoding': 'identity' },
    body,
    signal: closed.signal,
    redirect: 'manual',
  })
  await passAnswer(answer, response, meter.request(model).see)
}

export const startModelProxy = async (input: ModelProxyInput): Promise<ModelProxy> => {
  const server = createServer((incoming, response) => {
    handle(incoming, response, input).catch((error: unknown) => {
      // The cause says why a connection failed; none of it holds the credential.
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : ''
      if (response.headersSent) response.destroy()
      else sendError(response, 502, 'api_error', `the model cannot be reached: ${cause === '' ? 'the connection broke' : cause}`)
    })
  })
  // A model may think for minutes before its first byte, and the agent waits for it.
  server.requestTimeout = 0
  await new Promise<void>((listening, failed) => {
    server.once('error', failed)
    server.listen(input.socket_path, listening)
  })
  return {
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}
