/** An HTTP server on loopback that answers as a test says, and remembers what it was asked: the far end of an SDK client. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** The parsed body, or its text where it is not JSON. */
  readonly body: unknown
}
export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

export interface ScriptedServer {
  readonly url: string
  readonly asked: readonly Asked[]
  /** From here on, requests are answered by this. */
  answerBy(answer: (asked: Asked, nth: number) => Answer): void
  stop(): Promise<void>
}

const readBody = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  const text = Buffer.concat(chunks).toString()
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export const startScriptedServer = async (): Promise<ScriptedServer> => {
  let answer: (asked: Asked, nth: number) => Answer = () => ({ status: 500 })
  let asked: Asked[] = []
  const server = createServer((request, response) => {
    const reply = async () => {
      const one = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: await readBody(request) }
      asked.push(one)
      const { status = 200, headers = {}, body = {} } = answer(one, asked.length - 1)
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', ...headers })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    }
    reply().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    get asked() {
      return asked
    },
    answerBy: (next) => {
      asked = []
      answer = next
    },
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
