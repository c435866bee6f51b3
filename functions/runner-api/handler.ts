/** The runner protocol over HTTP. A request without a valid attempt token learns nothing; one of a superseded attempt gets 409. */
import { refuseInput } from '../../shared/contract/problem.ts'
import { ok, refuse, type Result } from '../../shared/domain/result.ts'
import { parseAttemptToken, type RunnerIdentity } from '../../shared/flows/runner-identity.ts'
import { httpHandler, type HttpDeps, type HttpLambda, type HttpRoute } from '../middleware/http-handler.ts'
import { readBody } from '../middleware/read-body.ts'
import { routes, type RunnerRoute } from './routes.ts'
import type { FlowDeps } from '../../shared/flows/flow.ts'
import type { HttpEvent, Reply } from '../middleware/http.ts'

const callerOf = (event: HttpEvent): Result<RunnerIdentity> => {
  const token = /^Bearer (\S+)$/i.exec(event.headers['authorization'] ?? '')?.[1]
  const identity = token === undefined ? undefined : parseAttemptToken(token)
  return identity === undefined ? refuse('unauthenticated', 'send the attempt token: Authorization: Bearer lkatt_…') : ok(identity)
}

const serve = async (deps: FlowDeps, route: RunnerRoute, event: HttpEvent): Promise<Reply> => {
  const caller = route.needs_token ? callerOf(event) : ok(undefined)
  if (!caller.ok) return caller
  const raw = readBody(event)
  if (!raw.ok) return raw
  const body = route.body.safeParse(raw.value)
  if (!body.success) return refuseInput(body.error, raw.value)
  const answer = await route.answer(deps, body.data, caller.value)
  return answer.ok ? { ok: true, status: route.status, body: answer.value } : answer
}

export const runnerApiHandler = (deps: FlowDeps, http: HttpDeps): HttpLambda =>
  httpHandler(
    routes.map((route): HttpRoute => ({
      method: 'POST',
      path: route.path,
      serve: async (event, trace) => {
        trace.operation = route.path
        return serve(deps, route, event)
      },
    })),
    http,
  )
