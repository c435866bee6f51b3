/** From an operation of the contract and a function to a route: who calls, what is asked, what is answered. */
import type * as z from 'zod'
import type { Operation, Responses } from '../../shared/contract/operation.ts'
import { refuseInput } from '../../shared/contract/problem.ts'
import { ok, refuse, type Result } from '../../shared/domain/result.ts'
import type { Store } from '../../shared/store/store.ts'
import { authenticate, type Caller } from './authenticate.ts'
import type { HttpRoute, Trace } from './http-handler.ts'
import type { HttpEvent, Reply } from './http.ts'
import { readBody } from './read-body.ts'

/** An answer with one of the operation's success statuses and the body that belongs to it. */
export type AnswerOf<R extends Responses> = { readonly [S in keyof R & number]: { readonly status: S; readonly body: z.output<R[S]> } }[keyof R & number]

export interface Asked<P extends z.ZodObject, Q extends z.ZodObject> {
  readonly params: z.output<P>
  readonly query: z.output<Q>
}
export interface AskedWithBody<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType> extends Asked<P, Q> {
  readonly body: z.output<B>
  /** As it was sent. */
  readonly raw_body: unknown
}

/** What any route needs to know who calls. */
export interface RouteDeps {
  readonly store: Store
}

const parse = <S extends z.ZodType>(schema: S, input: unknown): Result<z.output<S>> => {
  const parsed = schema.safeParse(input)
  return parsed.success ? ok(parsed.data) : refuseInput(parsed.error, input)
}

/** The gateway may add parameters of its own, as for a catch-all route. */
const paramsOf = (schema: z.ZodObject, event: HttpEvent): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.keys(schema.shape).map((name) => [name, event.pathParameters?.[name]]))

const queryOf = (text: string): Result<Readonly<Record<string, string>>> => {
  const query = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(text)) {
    if (query.has(name)) return refuse('invalid_request', `${name.slice(0, 100)} is given twice`, [{ field: name.slice(0, 100), message: 'is given twice' }])
    query.set(name, value)
  }
  return ok(Object.fromEntries(query))
}

/** What an operation is asked, checked by its schemas; path parameters come from the gateway. */
export const read = <P extends z.ZodObject, Q extends z.ZodObject>(
  operation: { readonly params: P; readonly query: Q },
  event: HttpEvent,
): Result<Asked<P, Q>> => {
  const params = parse(operation.params, paramsOf(operation.params, event))
  if (!params.ok) return params
  const text = queryOf(event.rawQueryString)
  if (!text.ok) return text
  const query = parse(operation.query, text.value)
  return query.ok ? ok({ params: params.value, query: query.value }) : query
}

const replyOf = (result: Result<{ readonly status: number; readonly body: unknown }>): Reply => (result.ok ? { ok: true, ...result.value } : result)

const known = async (deps: RouteDeps, operation: Operation, event: HttpEvent, trace: Trace): Promise<Result<Caller>> => {
  if (operation.role === 'public') throw new Error(`${operation.id} is public and asks for its caller`)
  const caller = await authenticate(deps.store, event, operation.role)
  if (caller.ok) Object.assign(trace, { workspace_id: caller.value.workspace_id, key_id: caller.value.key_id })
  return caller
}

/** A route that anybody may ask, without parameters. */
export const publicRoute = <R extends Responses>(operation: Operation & { readonly responses: R }, serve: () => Promise<Result<AnswerOf<R>>>): HttpRoute => ({
  method: operation.method,
  path: operation.path,
  serve: async (event, trace) => {
    trace.operation = operation.id
    const asked = read(operation, event)
    return asked.ok ? replyOf(await serve()) : asked
  },
})

/** A route that reads no body. */
export const route = <P extends z.ZodObject, Q extends z.ZodObject, R extends Responses>(
  deps: RouteDeps,
  operation: Operation<P, Q, R>,
  serve: (asked: Asked<P, Q>, caller: Caller) => Promise<Result<AnswerOf<R>>>,
): HttpRoute => ({
  method: operation.method,
  path: operation.path,
  serve: async (event, trace) => {
    trace.operation = operation.id
    const caller = await known(deps, operation, event, trace)
    if (!caller.ok) return caller
    const asked = read(operation, event)
    return asked.ok ? replyOf(await serve(asked.value, caller.value)) : asked
  },
})

/** A route with a body. */
export const bodyRoute = <P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType, R extends Responses>(
  deps: RouteDeps,
  operation: Operation<P, Q, R> & { readonly body: B },
  serve: (asked: AskedWithBody<P, Q, B>, caller: Caller) => Promise<Result<AnswerOf<R>>>,
): HttpRoute => ({
  method: operation.method,
  path: operation.path,
  serve: async (event, trace) => {
    trace.operation = operation.id
    const caller = await known(deps, operation, event, trace)
    if (!caller.ok) return caller
    const asked = read(operation, event)
    if (!asked.ok) return asked
    const raw_body = readBody(event)
    if (!raw_body.ok) return raw_body
    const body = parse(operation.body, raw_body.value)
    return body.ok ? replyOf(await serve({ ...asked.value, body: body.value, raw_body: raw_body.value }, caller.value)) : body
  },
})
