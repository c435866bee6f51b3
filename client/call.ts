/** From an operation of the contract to a typed call: the path is filled, the answer is checked against the operation's schema. */
import * as z from 'zod'
import type { Operation } from '../shared/contract/operation.ts'
import { workspace_header } from '../shared/contract/workspaces.ts'
import { LanekeeperError } from './error.ts'
import { send, type Transport } from './http.ts'

/** An operation whose answer, whatever its success status, is read by `S`. */
export interface Answering<S extends z.ZodType> extends Pick<Operation, 'id' | 'method' | 'path'> {
  readonly responses: Readonly<Record<number, S>>
}

export interface CallOptions {
  /** Gives up the call, retries and all. */
  readonly signal?: AbortSignal | undefined
}

export interface Calls {
  readonly transport: Transport
  /** Operators only: act in this workspace instead of the key's own. */
  readonly workspace_id?: string | undefined
}

/** Query parameters as a program has them: a number or a boolean where the wire has its text. */
export type QueryOf<Q extends z.ZodObject> = {
  readonly [Name in keyof z.input<Q>]: string extends NonNullable<z.input<Q>[Name]>
    ? z.input<Q>[Name] | number
    : NonNullable<z.input<Q>[Name]> extends 'true' | 'false'
      ? z.input<Q>[Name] | boolean
      : z.input<Q>[Name]
}

/** Operations that change something and may still be repeated: the second time changes nothing and answers alike. */
const repeatable_changes: ReadonlySet<string> = new Set([
  'updateAgent',
  'acceptAgentCommand',
  'cancelTask',
  'archiveTask',
  'cancelRun',
  'answerApproval',
  'sendRunInput',
  'updateSchedule',
  'draftSchedule',
  'fireSchedule',
  'revokeApiKey',
  'updateExecutionInstance',
  'killWorkspace',
  'updateWorkspace',
  'resumeWorkspace',
])

const fillPath = (path: string, id: string | undefined): string => path.replace(/\{[^}]+\}/, encodeURIComponent(id ?? ''))

const queryText = (query: Readonly<Record<string, unknown>> | undefined): string => {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) params.set(name, typeof value === 'string' ? value : JSON.stringify(value))
  return params.size === 0 ? '' : `?${params.toString()}`
}

interface Request {
  readonly id?: string
  readonly query?: Readonly<Record<string, unknown>> | undefined
  readonly body?: unknown
}

/** Calls an operation. Throws LanekeeperError where the API refuses or its answer is not the contract's, LanekeeperUnreachable where none comes. */
export const call = async <S extends z.ZodType>(calls: Calls, operation: Answering<S>, request: Request, options: CallOptions = {}): Promise<z.output<S>> => {
  const path = `${fillPath(operation.path, request.id)}${queryText(request.query)}`
  const answer = await send(calls.transport, {
    method: operation.method,
    path,
    headers: calls.workspace_id === undefined ? {} : { [workspace_header]: calls.workspace_id },
    body: request.body,
    is_idempotent: operation.method === 'GET' || repeatable_changes.has(operation.id),
    signal: options.signal,
  })
  const parsed = operation.responses[answer.status]?.safeParse(answer.body)
  if (parsed?.success === true) return parsed.data
  const why = parsed === undefined ? `with status ${answer.status}` : `with something else than the contract says: ${z.prettifyError(parsed.error)}`
  throw new LanekeeperError({
    code: 'unexpected_answer',
    status: answer.status,
    detail: `${operation.method} ${path} was answered ${why}. The server may be of another version than this client.`,
    request_id: answer.request_id,
  })
}

/** Makes a method of an operation, by what it takes: nothing or a query, a body, an id, an id and a body, an id and a query, or all three. */
export const methodsOf = (calls: Calls) => ({
  query:
    <Q extends z.ZodObject, S extends z.ZodType>(operation: Answering<S> & { readonly query: Q }) =>
    (query?: QueryOf<Q>, options?: CallOptions) =>
      call(calls, operation, { query }, options),
  body:
    <B extends z.ZodType, S extends z.ZodType>(operation: Answering<S> & { readonly body: B }) =>
    (body: z.input<B>, options?: CallOptions) =>
      call(calls, operation, { body }, options),
  none:
    <S extends z.ZodType>(operation: Answering<S>) =>
    (options?: CallOptions) =>
      call(calls, operation, {}, options),
  id:
    <S extends z.ZodType>(operation: Answering<S>) =>
    (id: string, options?: CallOptions) =>
      call(calls, operation, operation.method === 'POST' ? { id, body: {} } : { id }, options),
  idBodyAndQuery:
    <B extends z.ZodType, Q extends z.ZodObject, S extends z.ZodType>(operation: Answering<S> & { readonly body: B; readonly query: Q }) =>
    (id: string, body: z.input<B>, query?: QueryOf<Q>, options?: CallOptions) =>
      call(calls, operation, { id, body, query }, options),
  idAndBody:
    <B extends z.ZodType, S extends z.ZodType>(operation: Answering<S> & { readonly body: B }) =>
    (id: string, body: z.input<B>, options?: CallOptions) =>
      call(calls, operation, { id, body }, options),
  idAndQuery:
    <Q extends z.ZodObject, S extends z.ZodType>(operation: Answering<S> & { readonly query: Q }) =>
    (id: string, query?: QueryOf<Q>, options?: CallOptions) =>
      call(calls, operation, { id, query }, options),
})
