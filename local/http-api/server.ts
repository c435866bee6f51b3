/** An HTTP API: finds the route, invokes the function, answers as API Gateway would, with its limits and its error texts. */
import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { InvocationError, type LocalFunction } from '../lambda/function.ts'
import { readBody } from '../net/body.ts'
import type { HttpHandler } from '../net/listen.ts'
import { answerOf, eventOf, type HttpAnswer } from './event.ts'
import { makeRouter, type Route } from './routes.ts'

export interface HttpApiSettings {
  readonly api_id: string
  readonly account: string
  /** `$default` has no prefix in the path; any other is the first segment. */
  readonly stage: string
  readonly routes: readonly Route<LocalFunction>[]
  readonly now: () => number
  /** Default: API Gateway's 30 s. */
  readonly timeout_ms?: number
}

/** API Gateway quotas for HTTP APIs: payload size and integration timeout. */
const body_bytes_max = 10 * 1_048_576
const integration_timeout_ms = 30_000

const problem = (status: number, message: string): HttpAnswer => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ message }),
})

const write = (response: ServerResponse, answer: HttpAnswer, request_id: string, method: string) => {
  const { 'content-length': _, ...headers } = answer.headers
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body
  response.writeHead(answer.status, { ...headers, 'content-length': body.length, 'apigw-requestid': request_id, date: new Date().toUTCString() })
  response.end(method === 'HEAD' ? undefined : body)
}

/** The client is told nothing of why a function has no answer, so whoever runs the stack is. */
const unanswered = ({ settings }: LocalFunction, request: string, cause: unknown): void =>
  console.error(`the local gateway has no answer of ${settings.name} to ${request}:`, cause)

const invoke = async (target: LocalFunction, event: unknown, request: string, timeout_ms: number): Promise<HttpAnswer> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), timeout_ms)
  })
  try {
    const result = await Promise.race([target.invoke(event), late])
    if (result === 'late') {
      unanswered(target, request, `it took longer than ${timeout_ms} ms`)
      return problem(503, 'Service Unavailable')
    }
    const answer = answerOf(result)
    if (answer === undefined) unanswered(target, request, 'what it returned is no HTTP response')
    return answer ?? problem(500, 'Internal Server Error')
  } catch (error) {
    if (!(error instanceof InvocationError)) throw error
    unanswered(target, request, error.message)
    return problem(500, 'Internal Server Error')
  } finally {
    clearTimeout(timer)
  }
}

export const httpApiHandler = (settings: HttpApiSettings): HttpHandler => {
  const find = makeRouter(settings.routes)
  const prefix = settings.stage === '$default' ? '' : `/${settings.stage}`
  const timeout_ms = settings.timeout_ms ?? integration_timeout_ms
  return async (request, response) => {
    const request_id = randomUUID()
    const method = request.method ?? 'GET'
    const [path = '/'] = (request.url ?? '/').split('?', 1)
    const match = path.startsWith(prefix) ? find(method, path.slice(prefix.length)) : undefined
    if (match === undefined) return write(response, problem(404, 'Not Found'), request_id, method)
    const body = await readBody(request, body_bytes_max)
    if (body === 'too_large') return write(response, problem(413, 'Request Entity Too Large'), request_id, method)
    const event = eventOf(request, body, {
      api_id: settings.api_id,
      account: settings.account,
      stage: settings.stage,
      route_key: match.route.key,
      path_parameters: match.path_parameters,
      request_id,
      now_ms: settings.now(),
    })
    write(response, await invoke(match.route.target, event, `${method} ${path} (${request_id})`, timeout_ms), request_id, method)
  }
}
