/**
 * How the clients of the plane's hot path send: signed, over kept connections, the answer's body gathered. In the place of the SDK's own
 * handler and signer, which set several timers and promises per call and cost more than the call.
 */
import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { AwsCredentialIdentity, HttpRequest, HttpResponse, RequestHandler } from '@smithy/types'
import { createSigner } from './sigv4.ts'

export interface Identity {
  readonly region: () => Promise<string>
  /** Asked for each call: the SDK's provider remembers them until shortly before they expire. */
  readonly credentials: () => Promise<AwsCredentialIdentity>
  readonly now: () => number
}

const agent_settings = { keepAlive: true, maxSockets: 50 } as const
/** A connection on which nothing is heard for this long is given up, and the SDK tries again. */
const silence_ms = 60_000

/** By this name the SDK knows that another try may help. */
class TimeoutError extends Error {
  constructor() {
    super(`no answer within ${silence_ms / 1_000} s`)
    this.name = 'TimeoutError'
  }
}

const bodyOf = (answer: IncomingMessage): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    answer.on('data', (chunk: Buffer) => chunks.push(chunk))
    answer.once('error', reject)
    answer.once('end', () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)))
  })

const headersOf = ({ headers }: IncomingMessage): Record<string, string> => {
  const named: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) named[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return named
}

type Send = (options: RequestOptions, heard: (answer: IncomingMessage) => void) => ClientRequest

const exchange = (send: Send, options: RequestOptions, body: string | Uint8Array): Promise<HttpResponse> =>
  new Promise((resolve, reject) => {
    const sent = send(options, (answer) => {
      const { statusCode: status = 0, statusMessage: reason = '' } = answer
      bodyOf(answer).then((content) => resolve({ statusCode: status, reason, headers: headersOf(answer), body: content }), reject)
    })
    sent.once('error', reject)
    sent.once('timeout', () => sent.destroy(new TimeoutError()))
    sent.end(body)
  })

const contentOf = ({ body }: HttpRequest): string | Uint8Array => {
  if (body === undefined) return ''
  if (typeof body === 'string' || body instanceof Uint8Array) return body
  throw new Error('the body of a call in an AWS JSON protocol is a text')
}

/** @param service as it is signed for */
export const signingHandler = (service: string, identity: () => Identity): RequestHandler<HttpRequest, HttpResponse> & { destroy(): void } => {
  const agents = { 'http:': new HttpAgent(agent_settings), 'https:': new HttpsAgent(agent_settings) }
  let sign: ReturnType<typeof createSigner> | undefined
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    handle: async (request) => {
      const { region, credentials, now } = identity()
      sign ??= createSigner({ region: await region(), service })
      const body = contentOf(request)
      const secure = request.protocol !== 'http:'
      const options: RequestOptions = {
        agent: secure ? agents['https:'] : agents['http:'],
        host: request.hostname,
        port: request.port,
        method: request.method,
        path: request.path,
        headers: sign(request.headers, body, await credentials(), now()),
        timeout: silence_ms,
      }
      return { response: await exchange(secure ? httpsRequest : httpRequest, options, body) }
    },
    destroy: () => {
      agents['http:'].destroy()
      agents['https:'].destroy()
    },
  }
}
