/**
 * A model that needs no key and no network: the Messages API on a loopback port, played from a script in the prompt (`script.ts`)
 * or, without one, as a demonstration (`demo.ts`). Speaks Bedrock's paths and stream too.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { draftTurn } from './draft.ts'
import { demoTurn } from './demo.ts'
import { eventStreamFrame } from './event-stream.ts'
import { estimateTokens, eventsOf, messageOf, type StreamEvent } from './reply.ts'
import { ModelRequest } from './request.ts'
import { scriptedTurn, type Turn } from './script.ts'

/** What a test may look at. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}
export interface ScriptedModel {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

const body_bytes_max = 64 * 1024 * 1024

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue
    bytes += chunk.length
    if (bytes > body_bytes_max) throw new Error('the request is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

const error_types: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
  529: 'overloaded_error',
}

let last_id = 0
const nextId = (prefix: string): string => `${prefix}_scripted_${Date.now().toString(36)}${(last_id++).toString(36)}`

const sendJson = (response: ServerResponse, status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', 'request-id': nextId('req'), ...headers }).end(JSON.stringify(value))
}

const sendError = (response: ServerResponse, status: number, message: string, headers: Readonly<Record<string, string>> = {}): void =>
  sendJson(response, status, { type: 'error', error: { type: error_types[status] ?? 'api_error', message } }, headers)

type Wire = 'json' | 'sse' | 'event-stream'

const encode = (wire: Wire, event: StreamEvent): string | Buffer =>
  wire === 'event-stream' ? eventStreamFrame(event) : `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`

const stream = async (response: ServerResponse, wire: Wire, turn: Turn, message: ReturnType<typeof messageOf>): Promise<void> => {
  const content_type = wire === 'event-stream' ? 'application/vnd.amazon.eventstream' : 'text/event-stream; charset=utf-8'
  response.writeHead(200, { 'content-type': content_type, 'cache-control': 'no-cache', 'request-id': nextId('req') })
  for (const event of eventsOf(message, turn)) {
    if (response.destroyed) return
    response.write(encode(wire, event))
    if (event.type === 'content_block_delta' && turn.delayMs !== undefined) await sleep(turn.delayMs)
  }
  response.end()
}

const reply = async (response: ServerResponse, request: ModelRequest, wire: Wire): Promise<void> => {
  const draft = draftTurn(request)
  const turn = scriptedTurn(request) ?? draft ?? demoTurn(request)
  if (turn.error !== undefined) {
    sendError(response, turn.error, `scripted error ${turn.error}`, turn.retryAfter === undefined ? {} : { 'retry-after': String(turn.retryAfter) })
    return
  }
  const message = messageOf(turn, draft === undefined ? request : { ...request, model: 'scripted' }, nextId)
  if (wire === 'json') sendJson(response, 200, message)
  else await stream(response, wire, turn, message)
}

const bedrock_path = /^\/model\/([^/]+)\/(invoke|invoke-with-response-stream)$/

const route = async (seen: SeenRequest, response: ServerResponse): Promise<void> => {
  const { method, path, body } = seen
  if (method === 'HEAD' || path === '/') {
    response.writeHead(200).end()
    return
  }
  if (method === 'GET' && path === '/v1/models') return sendJson(response, 200, { data: [], has_more: false, first_id: null, last_id: null })
  if (method !== 'POST') return sendError(response, 404, `no ${method} ${path}`)
  const bedrock = bedrock_path.exec(path)
  if (!['/v1/messages', '/v1/messages/count_tokens'].includes(path) && bedrock === null) return sendError(response, 404, `no ${method} ${path}`)

  const parsed = ModelRequest.safeParse(JSON.parse(body))
  if (!parsed.success) return sendError(response, 400, parsed.error.message)
  const request = parsed.data
  if (path === '/v1/messages/count_tokens') return sendJson(response, 200, { input_tokens: estimateTokens(request) })
  if (bedrock === null) return reply(response, request, request.stream === true ? 'sse' : 'json')
  return reply(response, { ...request, model: decodeURIComponent(bedrock[1] ?? '') }, bedrock[2] === 'invoke' ? 'json' : 'event-stream')
}

/** Starts the scripted model on 127.0.0.1. @param options.port 0 or absent: a free one */
export const startScriptedModel = async (
  options: { readonly port?: number; readonly onRequest?: (request: SeenRequest) => void } = {},
): Promise<ScriptedModel> => {
  const server = createServer((incoming, response) => {
    const answer = async (): Promise<void> => {
      const { pathname } = new URL(incoming.url ?? '/', 'http://scripted')
      const seen: SeenRequest = { method: incoming.method ?? '', path: pathname, headers: incoming.headers, body: await readBody(incoming) }
      options.onRequest?.(seen)
      await route(seen, response)
    }
    answer().catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else sendError(response, 400, error instanceof Error ? error.message : 'unknown')
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the scripted model has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
