/**
 * A Lambda handler over HTTP routes: finds the route, turns what it returns into an answer, and is the one place where a bug is
 * caught. Every answer has a request id; every request leaves one log line.
 */
import middy from '@middy/core'
import httpRouter from '@middy/http-router'
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda'
import { problems, refuse } from '../../shared/domain/result.ts'
import type { Log, LogFields } from '../../shared/ops/log.ts'
import type { Metrics } from '../../shared/ops/metrics.ts'
import { UnavailableError } from '../../shared/ports/backoff.ts'
import type { Clock } from '../../shared/ports/ports.ts'
import { answerOf, HttpEvent, type Reply } from './http.ts'

/** What the log line of a request says, gathered on the way. */
export interface Trace {
  operation?: string
  workspace_id?: string
  key_id?: string
}

export interface HttpRoute {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly serve: (event: HttpEvent, trace: Trace) => Promise<Reply>
}

export interface HttpDeps {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
}

export type HttpLambda = (event: APIGatewayProxyEventV2, context: Context) => Promise<APIGatewayProxyStructuredResultV2>

const pathPattern = (path: string): RegExp => new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{[a-z_]+\}/g, '[^/]+')}/?$`)

/** The router knows no event where it finds no route, so it throws what is to be answered. */
class Unrouted extends Error {
  readonly reply: Extract<Reply, { ok: false }>
  constructor(reply: Extract<Reply, { ok: false }>) {
    super(reply.detail)
    this.name = 'Unrouted'
    this.reply = reply
  }
}

/** What an unknown route is answered: 405 if its path has other methods. */
export const unrouted = (routes: readonly Pick<HttpRoute, 'method' | 'path'>[], method: string, path: string): Extract<Reply, { ok: false }> => {
  const methods = routes.filter((route) => pathPattern(route.path).test(path)).map((route) => route.method)
  if (methods.length === 0) return refuse('route_not_found', `there is no route ${path.slice(0, 200)}; GET /v1/openapi.json lists them`)
  const allow = methods.join(', ')
  return { ...refuse('method_not_allowed', `${path.slice(0, 200)} has no method ${method}; it has ${allow}`), headers: { allow } }
}

/** A request that is being served. */
export interface Served {
  readonly event: HttpEvent
  readonly trace: Trace
  readonly started_ms: number
}

/** What a request leaves in the log. */
export const fieldsOf = ({ clock }: HttpDeps, { event, trace, started_ms }: Served, reply: Reply): LogFields => ({
  ...trace,
  request_id: event.requestContext.requestId,
  method: event.requestContext.http.method,
  ...(reply.ok ? { status: reply.status } : { status: problems[reply.code].status, refusal: reply.code }),
  duration_ms: clock.now() - started_ms,
})

/** What is answered where something was thrown; a bug is logged with its cause, counted, and told to nobody. */
export const caught = (deps: HttpDeps, served: Served, error: unknown): Reply => {
  if (error instanceof Unrouted) {
    deps.log.info('request_handled', fieldsOf(deps, served, error.reply))
    return error.reply
  }
  if (error instanceof UnavailableError) {
    const reply = refuse('unavailable', 'a part of the plane did not answer: send the request again')
    deps.log.warn('request_unavailable', fieldsOf(deps, served, reply), error)
    return reply
  }
  const reply = refuse('internal', 'this is a bug of Lanekeeper: tell the operator the request id')
  deps.log.error('request_failed', fieldsOf(deps, served, reply), error)
  deps.metrics.count('request_failed')
  return reply
}

export const httpHandler = (routes: readonly HttpRoute[], deps: HttpDeps): HttpLambda => {
  /** By event, because one local process serves several requests at once. */
  const serving = new WeakMap<object, Served>()
  const servedOf = (event: APIGatewayProxyEventV2): Served => {
    const found = serving.get(event) ?? { event: HttpEvent.parse(event), trace: {}, started_ms: deps.clock.now() }
    serving.set(event, found)
    return found
  }
  const serve =
    (route: HttpRoute) =>
    async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> => {
      const served = servedOf(event)
      const reply = await route.serve({ ...served.event, pathParameters: event.pathParameters }, served.trace)
      deps.log.info('request_handled', fieldsOf(deps, served, reply))
      return answerOf(reply, served.event.requestContext.requestId)
    }
  const router = httpRouter<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>({
    routes: routes.map((route) => ({ method: route.method, path: route.path, handler: serve(route) })),
    notFoundResponse: ({ method, path }) => {
      throw new Unrouted(unrouted(routes, method, path))
    },
  })
  const handler = middy(router).onError((request) => {
    const served = servedOf(request.event)
    request.response = answerOf(caught(deps, served, request.error), served.event.requestContext.requestId)
  })
  return (event, context) => handler(event, context)
}
