/** The API's handler over the memory store, called as API Gateway calls it. What is stored, signalled, logged and counted is kept. */
import type { APIGatewayProxyEventV2, Context } from 'aws-lambda'
import * as z from 'zod'
import { apiHandler } from '../../functions/api/handler.ts'
import { scheduleDraftHandler } from '../../functions/schedule-draft/handler.ts'
import { apiKeyHash } from '../../shared/domain/decide/api-key.ts'
import { ApiKeyId, type WorkspaceId } from '../../shared/domain/ids.ts'
import { timestamp } from '../../shared/domain/time.ts'
import type { ApiKey, Role } from '../../shared/domain/workspace.ts'
import type { Log, LogEvent, LogFields } from '../../shared/ops/log.ts'
import type { TextModel } from '../../shared/ports/ports.ts'
import { memoryStore } from '../../shared/store/memory.ts'
import type { Store, Write } from '../../shared/store/store.ts'
import { testPlane, type TestPlane } from './plane.ts'

export interface Sent {
  /** An API key, or a whole Authorization header, or none. */
  readonly key?: string | undefined
  readonly authorization?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it is. */
  readonly raw?: string
  readonly base64?: boolean
}
export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: unknown
  readonly text: string
}
export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly code: LogEvent
  readonly fields: LogFields | undefined
  readonly cause: unknown
}

export interface ApiPlane extends TestPlane {
  /** Every write that was committed. */
  readonly writes: Write[]
  readonly log_lines: LogLine[]
  readonly counts: string[]
  /** Makes the store's next reads fail with this. */
  failReads(error: Error | undefined): void
  makeKey(workspace_id: WorkspaceId, role: Role, options?: { readonly revoked: boolean }): Promise<string>
  call(method: string, path: string, sent?: Sent): Promise<Answered>
}

/** What Lambda tells a handler beside the event. */
export const lambda_context: Context = {
  callbackWaitsForEmptyEventLoop: false,
  functionName: 'api',
  functionVersion: '1',
  invokedFunctionArn: 'arn:aws:lambda:local:0:function:api',
  memoryLimitInMB: '512',
  awsRequestId: 'lambda-request',
  logGroupName: 'api',
  logStreamName: '1',
  getRemainingTimeInMillis: () => 10_000,
  done: () => undefined,
  fail: () => undefined,
  succeed: () => undefined,
}

const bodyOf = ({ body, raw, base64 }: Sent): string | undefined => {
  const text = raw ?? (body === undefined ? undefined : JSON.stringify(body))
  return text !== undefined && base64 === true ? Buffer.from(text).toString('base64') : text
}

let requests = 0
export const gatewayEvent = (method: string, target: string, sent: Sent): APIGatewayProxyEventV2 => {
  const [path = '', rawQueryString = ''] = target.split('?')
  const body = bodyOf(sent)
  const authorization = sent.authorization ?? (sent.key === undefined ? undefined : `Bearer ${sent.key}`)
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString,
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...sent.headers,
    },
    requestContext: {
      accountId: '0',
      apiId: 'local',
      domainName: 'localhost',
      domainPrefix: 'localhost',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' },
      requestId: `request-${(requests += 1)}`,
      routeKey: '$default',
      stage: '$default',
      time: '',
      timeEpoch: 0,
    },
    ...(body === undefined ? {} : { body }),
    isBase64Encoded: sent.base64 === true,
  }
}

const watched = (store: Store, writes: Write[], failure: () => Error | undefined): Store => {
  const check = () => {
    const error = failure()
    if (error !== undefined) throw error
  }
  return {
    get: async (ref, options) => {
      check()
      return store.get(ref, options)
    },
    getMany: async (refs) => {
      check()
      return store.getMany(refs)
    },
    range: async (query) => {
      check()
      return store.range(query)
    },
    commit: async (wanted) => {
      const result = await store.commit(wanted)
      if (result.ok) writes.push(...wanted)
      return result
    },
  }
}

/** Whatever it is asked. */
const fixed_model: TextModel = {
  ask: async () => ({ ok: true, model: 'fixed', text: '{"cron_expr": "0 9 * * 1-5", "timezone": "Europe/Berlin", "sentence": "Weekdays at nine."}' }),
}

const Answer = z.object({ statusCode: z.int(), headers: z.record(z.string(), z.unknown()), body: z.string() })

export const apiPlane = (options: Parameters<typeof testPlane>[0] = {}): ApiPlane => {
  const writes: Write[] = []
  const log_lines: LogLine[] = []
  const counts: string[] = []
  let failure: Error | undefined
  const plane = testPlane({ ...options, store: watched(options.store ?? memoryStore(), writes, () => failure) })
  const line = (level: LogLine['level']) => (code: LogEvent, fields?: LogFields, cause?: unknown) => void log_lines.push({ level, code, fields, cause })
  const log: Log = { info: line('info'), warn: line('warn'), error: line('error') }
  const metrics = { count: (name: string) => void counts.push(name) }
  const api = apiHandler({ ...plane.deps, log, metrics, version: '0.0.0', stream_url: 'https://stream.invalid' })
  const drafts = scheduleDraftHandler({ ...plane.deps, log, metrics, model: fixed_model })
  /** As the gateway sends it. */
  const handlerOf = (method: string, path: string) => (method === 'POST' && path.split('?')[0] === '/v1/schedules/draft' ? drafts : api)
  return {
    ...plane,
    writes,
    log_lines,
    counts,
    failReads: (error) => {
      failure = error
    },
    makeKey: async (workspace_id, role, { revoked } = { revoked: false }) => {
      const key = `lk_${plane.deps.ids.secret()}`
      const now = timestamp(plane.deps.clock.now())
      const id = ApiKeyId.parse(plane.deps.ids.mint('api_key'))
      const record: ApiKey = {
        kind: 'api_key',
        id,
        workspace_id,
        key_hash: apiKeyHash(key),
        hint: key.slice(0, 9),
        name: role,
        role,
        ...(revoked ? { revoked_at: now } : {}),
        created_at: now,
        version: 1,
      }
      await plane.deps.store.commit([{ op: 'put_if_absent', record }])
      return key
    },
    call: async (method, path, sent = {}) => {
      const answer = Answer.parse(await handlerOf(method, path)(gatewayEvent(method, path, sent), lambda_context))
      return { status: answer.statusCode, headers: answer.headers, body: JSON.parse(answer.body), text: answer.body }
    },
  }
}

/** Parses an answer by its schema, and fails where it holds what the contract does not. */
export const shaped = <S extends z.ZodType>(schema: S, answer: Answered, status = 200): z.output<S> => {
  if (answer.status !== status) throw new Error(`${answer.status} instead of ${status}: ${answer.text}`)
  const body = schema.parse(answer.body)
  if (JSON.stringify(sorted(body)) !== JSON.stringify(sorted(answer.body))) throw new Error(`the answer holds what the contract does not: ${answer.text}`)
  return body
}

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}
