/** HTTP API events (payload 2.0) in, answers out. */
import * as z from 'zod'
import { problemOf } from '../../shared/contract/problem.ts'
import { problems, type Refusal } from '../../shared/domain/result.ts'

/** What is read of an event; the rest is ignored. Header names arrive in lower case. */
export const HttpEvent = z.object({
  rawQueryString: z.string().default(''),
  headers: z.record(z.string(), z.string().optional()).default({}),
  requestContext: z.object({ requestId: z.string().min(1), http: z.object({ method: z.string(), path: z.string() }) }),
  pathParameters: z.record(z.string(), z.string().optional()).nullish(),
  body: z.string().nullish(),
  isBase64Encoded: z.boolean().default(false),
})
export type HttpEvent = z.infer<typeof HttpEvent>

type Headers = Readonly<Record<string, string>>

/** What a route returns: an answer with its status, or a refusal. */
export type Reply = ({ readonly ok: true; readonly status: number; readonly body: unknown } | Refusal) & { readonly headers?: Headers }

export interface HttpAnswer {
  statusCode: number
  headers: Record<string, string>
  body: string
}

const request_id_header = 'x-request-id'

const always = (request_id: string): Headers => ({ [request_id_header]: request_id, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })

/** What a client needs beside the problem itself. */
const refusalHeaders = ({ code }: Refusal): Headers => {
  if (code === 'unauthenticated') return { 'www-authenticate': 'Bearer' }
  return problems[code].status === 503 ? { 'retry-after': '1' } : {}
}

export const answerOf = (reply: Reply, request_id: string): HttpAnswer => {
  if (reply.ok) {
    const headers = { ...always(request_id), 'content-type': 'application/json', ...reply.headers }
    return { statusCode: reply.status, headers, body: JSON.stringify(reply.body) }
  }
  const problem = problemOf(reply, request_id)
  return {
    statusCode: problem.status,
    headers: { ...always(request_id), 'content-type': 'application/problem+json', ...refusalHeaders(reply), ...reply.headers },
    body: JSON.stringify(problem),
  }
}

/** Of an answer that is streamed. */
export const streamHeaders = (request_id: string, content_type: string): Record<string, string> => ({ ...always(request_id), 'content-type': content_type })
