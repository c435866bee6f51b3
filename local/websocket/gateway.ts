/**
 * A WebSocket API: `$connect` asks a function, and who may send to a connection posts to `/{stage}/@connections/{id}`. What clients send is
 * answered as API Gateway answers where there is no route for it.
 * Source: Amazon API Gateway developer guide, "Overview of WebSocket APIs" and "Use @connections commands in your backend service".
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import * as z from 'zod'
import { InvocationError, type LocalFunction } from '../lambda/function.ts'
import { readBody } from '../net/body.ts'
import type { HttpHandler } from '../net/listen.ts'

export interface WebSocketSettings {
  readonly api_id: string
  /** The first segment of every path. */
  readonly stage: string
  /** Behind the route `$connect`. */
  readonly connect: LocalFunction
  readonly now: () => number
}

export interface WebSocketGateway {
  /** Takes the requests that become WebSockets. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Answers what is posted to connections, and hands on everything else. */
  handler(other: HttpHandler): HttpHandler
  stop(): void
}

/** API Gateway sends no larger frame. */
const message_bytes_max = 32 * 1_024

const ConnectAnswer = z.looseObject({ statusCode: z.int(), headers: z.record(z.string(), z.string()).default({}) })

const refuse = (socket: Duplex, status: number): void => {
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}

const eventOf = ({ api_id, stage, now }: WebSocketSettings, request: IncomingMessage, connectionId: string) => ({
  headers: Object.fromEntries(Object.entries(request.headersDistinct).map(([name, values]) => [name, (values ?? []).join(',')])),
  requestContext: {
    routeKey: '$connect',
    eventType: 'CONNECT',
    connectionId,
    requestId: randomUUID(),
    apiId: api_id,
    stage,
    connectedAt: now(),
    requestTimeEpoch: now(),
    identity: { sourceIp: request.socket.remoteAddress ?? '127.0.0.1' },
  },
  isBase64Encoded: false,
})

/** What the function says to a connection; 500 where it fails. */
const ask = async (settings: WebSocketSettings, request: IncomingMessage, connection_id: string): Promise<z.infer<typeof ConnectAnswer>> => {
  try {
    return ConnectAnswer.parse(await settings.connect.invoke(eventOf(settings, request, connection_id)))
  } catch (error) {
    if (error instanceof InvocationError || error instanceof z.ZodError) return { statusCode: 500, headers: {} }
    throw error
  }
}

const protocolOf = (headers: Readonly<Record<string, string>>): string | undefined =>
  Object.entries(headers).find(([name]) => name.toLowerCase() === 'sec-websocket-protocol')?.[1]

const post = async (sockets: ReadonlyMap<string, WebSocket>, id: string, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const body = await readBody(request, message_bytes_max)
  const socket = sockets.get(id)
  const [status, type] = body === 'too_large' ? [413, 'PayloadTooLargeException'] : socket === undefined ? [410, 'GoneException'] : [200, '']
  if (status === 200 && body !== 'too_large') socket?.send(body, { binary: false })
  const text = status === 200 ? '' : JSON.stringify({ message: type })
  response.writeHead(status, { 'content-type': 'application/json', ...(status === 200 ? {} : { 'x-amzn-errortype': type }) }).end(text)
}

export const webSocketGateway = (settings: WebSocketSettings): WebSocketGateway => {
  const sockets = new Map<string, WebSocket>()
  let chosen: string | undefined
  // Chosen by the function, right before the handshake is answered.
  const server = new WebSocketServer({ noServer: true, maxPayload: message_bytes_max, handleProtocols: () => chosen ?? false })
  const prefix = `/${settings.stage}`

  const accept = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const connection_id = randomBytes(11).toString('base64url')
    const { statusCode, headers } = await ask(settings, request, connection_id)
    if (statusCode < 200 || statusCode > 299) return refuse(socket, statusCode)
    chosen = protocolOf(headers)
    server.handleUpgrade(request, socket, head, (opened) => {
      sockets.set(connection_id, opened)
      opened.on('close', () => sockets.delete(connection_id))
      opened.on('error', () => opened.terminate())
      opened.on('message', () => opened.send(JSON.stringify({ message: 'Forbidden', connectionId: connection_id, requestId: randomUUID() })))
    })
  }
  return {
    upgrade: (request, socket, head) => {
      socket.on('error', () => socket.destroy())
      const [path] = (request.url ?? '/').split('?', 1)
      if (path !== prefix && path !== `${prefix}/`) return refuse(socket, 403)
      accept(request, socket, head).catch(() => socket.destroy())
    },
    handler: (other) => async (request, response) => {
      const id =
        request.method === 'POST' && request.url?.startsWith(`${prefix}/@connections/`) === true ? request.url.slice(`${prefix}/@connections/`.length) : ''
      return id === '' ? other(request, response) : post(sockets, decodeURIComponent(id), request, response)
    },
    stop: () => {
      for (const socket of sockets.values()) socket.terminate()
      server.close()
    },
  }
}
