/** Requests and responses in payload format 2.0. Source: Amazon API Gateway developer guide, "Lambda proxy integrations for HTTP APIs". */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import * as z from 'zod'

export interface EventContext {
  readonly api_id: string
  readonly account: string
  readonly stage: string
  readonly route_key: string
  readonly path_parameters: Readonly<Record<string, string>>
  readonly request_id: string
  readonly now_ms: number
}

const textual = /^(text\/|application\/(json|javascript|xml|x-www-form-urlencoded|[a-z0-9.+-]+\+(json|xml))\b)/i

/** Header names in lower case, several values joined by a comma; cookies are a list of their own. */
const headersOf = (request: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(request.headersDistinct).flatMap(([name, values]) => (name === 'cookie' || values === undefined ? [] : [[name, values.join(',')]])),
  )

const queryOf = (search: string): Record<string, string> | undefined => {
  const query: Record<string, string> = {}
  for (const [name, value] of new URLSearchParams(search)) query[name] = query[name] === undefined ? value : `${query[name]},${value}`
  return Object.keys(query).length === 0 ? undefined : query
}

/** `22/Nov/2026:17:00:00 +0000` */
const clfTime = (at: Date): string => {
  const [, day, month, year, time] = /^\w+, (\d\d) (\w+) (\d+) ([\d:]+)/.exec(at.toUTCString()) ?? []
  return `${day}/${month}/${year}:${time} +0000`
}

export const eventOf = (request: IncomingMessage, body: Buffer, context: EventContext) => {
  const [path = '/', search = ''] = (request.url ?? '/').split('?', 2)
  const headers = headersOf(request)
  const cookies = request.headers.cookie?.split('; ')
  const plain = textual.test(headers['content-type'] ?? '')
  const query = queryOf(search)
  const has_path_parameters = Object.keys(context.path_parameters).length > 0
  const domain = headers['host'] ?? 'localhost'
  return {
    version: '2.0',
    routeKey: context.route_key,
    rawPath: path,
    rawQueryString: search,
    ...(cookies === undefined ? {} : { cookies }),
    headers,
    ...(query === undefined ? {} : { queryStringParameters: query }),
    requestContext: {
      accountId: context.account,
      apiId: context.api_id,
      domainName: domain,
      domainPrefix: domain.split('.')[0] ?? '',
      http: {
        method: request.method ?? 'GET',
        path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '127.0.0.1',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: context.request_id,
      routeKey: context.route_key,
      stage: context.stage,
      time: clfTime(new Date(context.now_ms)),
      timeEpoch: context.now_ms,
    },
    ...(has_path_parameters ? { pathParameters: context.path_parameters } : {}),
    ...(body.length === 0 ? {} : { body: plain ? body.toString('utf8') : body.toString('base64') }),
    isBase64Encoded: body.length > 0 && !plain,
  }
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Buffer | string
}

const HandlerResponse = z.looseObject({
  statusCode: z.int().min(100).max(599),
  headers: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).nullish(),
  cookies: z.array(z.string()).nullish(),
  body: z.string().nullish(),
  isBase64Encoded: z.boolean().nullish(),
})

/** What a handler's result means over HTTP; undefined if it means nothing (API Gateway answers 500). */
export const answerOf = (result: unknown): HttpAnswer | undefined => {
  const inferred = typeof result === 'string' || (typeof result === 'object' && result !== null && !('statusCode' in result))
  if (inferred) return { status: 200, headers: { 'content-type': 'application/json' }, body: typeof result === 'string' ? result : JSON.stringify(result) }
  const parsed = HandlerResponse.safeParse(result)
  if (!parsed.success) return undefined
  const { statusCode, headers, cookies, body, isBase64Encoded } = parsed.data
  const named = Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]))
  return {
    status: statusCode,
    headers: { 'content-type': 'text/plain;charset=UTF-8', ...named, ...(cookies === null || cookies === undefined ? {} : { 'set-cookie': cookies }) },
    body: isBase64Encoded === true ? Buffer.from(body ?? '', 'base64') : (body ?? ''),
  }
}
