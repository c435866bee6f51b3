/**
 * Function URLs that stream: the request as an event, and the answer piece by piece, no faster than it is read. Each lives under a
 * prefix of the API's own address, so that one port serves both.
 * Source: AWS::Lambda::Url in the CloudFormation reference; AWS Lambda developer guide, "Invoking Lambda function URLs".
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import * as z from 'zod'
import { InvocationError, type LocalFunction, type Reader } from '../lambda/function.ts'
import { functionAt, type Functions } from '../lambda/provision.ts'
import { readBody } from '../net/body.ts'
import type { HttpHandler } from '../net/listen.ts'
import { functionUrlPath } from '../template/identities.ts'
import type { ResolvedStack } from '../template/resolved.ts'
import { eventOf } from './event.ts'

const UrlProperties = z.looseObject({ TargetFunctionArn: z.string(), AuthType: z.literal('NONE'), InvokeMode: z.literal('RESPONSE_STREAM') })

export interface FunctionUrl {
  /** What the path of its requests begins with. */
  readonly prefix: string
  readonly id: string
  readonly account: string
  readonly target: LocalFunction
}

export const provisionFunctionUrls = (stack: ResolvedStack, functions: Functions): readonly FunctionUrl[] =>
  stack.of(['AWS::Lambda::Url'], UrlProperties).map(({ logical_id, properties }) => ({
    prefix: functionUrlPath(logical_id),
    id: logical_id.toLowerCase(),
    account: stack.surroundings.account,
    target: functionAt(functions, properties.TargetFunctionArn),
  }))

/** Lambda takes no larger request. */
const body_bytes_max = 6 * 1_048_576

const refuse = (response: ServerResponse, status: number, message: string): void => {
  const body = JSON.stringify({ Message: message })
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
}

const readerOf = (response: ServerResponse, request_id: string): Reader => {
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  return {
    gone: gone.signal,
    head: (status, headers) => {
      response.writeHead(status, { ...headers, 'x-amzn-requestid': request_id })
      response.flushHeaders()
    },
    piece: async (bytes) => {
      if (gone.signal.aborted || bytes.length === 0 || response.write(bytes)) return
      await once(response, 'drain', { signal: gone.signal }).catch(() => undefined)
    },
  }
}

const serve = async (url: FunctionUrl, request: IncomingMessage, response: ServerResponse, now: () => number): Promise<void> => {
  const request_id = randomUUID()
  const body = await readBody(request, body_bytes_max)
  if (body === 'too_large') return refuse(response, 413, 'Request Too Long')
  const { prefix, id: api_id, account } = url
  request.url = (request.url ?? '').slice(prefix.length) || '/'
  const context = { api_id, account, stage: '$default', route_key: '$default', path_parameters: {}, request_id, now_ms: now() }
  try {
    await url.target.invoke(eventOf(request, body, context), readerOf(response, request_id))
    response.end()
  } catch (error) {
    if (!(error instanceof InvocationError)) throw error
    if (response.headersSent) response.destroy()
    else refuse(response, 502, 'Internal Server Error')
  }
}

/** @param other answers what is for no function URL */
export const functionUrlHandler =
  (urls: readonly FunctionUrl[], now: () => number, other: HttpHandler): HttpHandler =>
  async (request, response) => {
    const url = urls.find(({ prefix }) => request.url?.startsWith(`${prefix}/`) === true)
    return url === undefined ? other(request, response) : serve(url, request, response, now)
  }
