/** HTTP servers of the local stack. They listen on the loopback address and nowhere else. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { z_port } from './port.ts'

export const loopback = '127.0.0.1'

export interface Listener {
  /** `http://127.0.0.1:<port>`, no slash at the end. */
  readonly url: string
  readonly port: number
  /** Stops taking connections and ends those that are open. */
  close(): Promise<void>
}

export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** Takes over the connection of a request that becomes something else. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** Longer than any client keeps an idle connection: the server never closes one that a client is about to use. */
const keep_alive_ms = 120_000

const fail = (response: ServerResponse, error: unknown) => {
  console.error('the local stack could not answer a request:', error)
  if (response.headersSent) response.destroy()
  else response.writeHead(500, { 'content-type': 'application/json' }).end('{"message":"Internal Server Error"}')
}

/** @param port 0 for any free one @param upgrade without it, no request becomes a WebSocket @throws if the port is taken */
export const listen = (handler: HttpHandler, port = 0, upgrade?: UpgradeHandler): Promise<Listener> =>
  new Promise((resolve, reject) => {
    const server = createServer({ keepAliveTimeout: keep_alive_ms, requestTimeout: 0 }, (request, response) => {
      handler(request, response).catch((error: unknown) => fail(response, error))
    })
    if (upgrade !== undefined) server.on('upgrade', upgrade)
    server.once('error', reject)
    server.listen(port, loopback, () => {
      server.off('error', reject)
      const bound = z_port.parse(server.address()).port
      resolve({
        url: `http://${loopback}:${bound}`,
        port: bound,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed())
            server.closeAllConnections()
          }),
      })
    })
  })
