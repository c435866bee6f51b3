/**
 * A server that speaks the contract without a plane behind it: it checks requests with the contract's schemas, answers with
 * samples that it checks as well, and plays the script that a message names. Sentinel inputs bring the error paths:
 * key `lk_viewer` may only read, agent key `taken` is taken, `sentinel:unavailable` in a message is answered 503.
 */
import { createServer, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import type * as z from 'zod'
import { operations, type OperationId } from '../../shared/contract/operations.ts'
import type { Operation } from '../../shared/contract/operation.ts'
import type { FieldError } from '../../shared/domain/result.ts'
import { atLeast, type Role } from '../../shared/domain/workspace.ts'
import { answers } from './answers.ts'
import { problem, type FakeAnswer, type FakeState } from './exchange.ts'

export const keys: Readonly<Record<string, Role>> = { lk_operator: 'operator', lk_viewer: 'viewer' }

const every: readonly Operation[] = Object.values(operations)
const ids = Object.keys(operations).filter((id): id is OperationId => id in operations)

const match = (method: string, path: string): { operation: Operation; params: Record<string, string> } | undefined => {
  for (const operation of every.toSorted((a, b) => Number(a.path.includes('{')) - Number(b.path.includes('{')))) {
    const names = [...operation.path.matchAll(/\{(\w+)\}/g)].map((found) => found[1] ?? '')
    const found = new RegExp(`^${operation.path.replace(/\{\w+\}/g, '([^/]+)')}$`).exec(path)
    if (operation.method === method && found !== null) {
      return { operation, params: Object.fromEntries(names.map((name, at) => [name, decodeURIComponent(found[at + 1] ?? '')])) }
    }
  }
  return undefined
}

const fieldErrors = (error: z.ZodError): FieldError[] =>
  error.issues.map((issue) => ({ field: issue.code === 'unrecognized_keys' ? (issue.keys[0] ?? '') : issue.path.join('.'), message: issue.message }))

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const roleOf = (request: IncomingMessage): Role | undefined => keys[(request.headers.authorization ?? '').replace(/^Bearer /, '')]

const answerTo = async (state: FakeState, request: IncomingMessage): Promise<FakeAnswer> => {
  const url = new URL(request.url ?? '/', 'http://fake')
  const matched = match(request.method ?? '', url.pathname)
  const id = ids.find((known) => known === matched?.operation.id)
  if (matched === undefined || id === undefined) return problem('route_not_found', `${request.method} ${url.pathname}`)
  const { operation, params } = matched
  const raw = await text(request)
  const sent: unknown = raw === '' ? {} : JSON.parse(raw)
  const query = Object.fromEntries(url.searchParams)
  state.seen.push({ id, params, query, body: sent, headers: request.headers })
  const role = roleOf(request)
  if (operation.role !== 'public') {
    if (role === undefined) return problem('unauthenticated', 'The API key is not known')
    if (!atLeast(role, operation.role)) return problem('forbidden', `${operation.summary} needs the role ${operation.role}; this key has ${role}`)
  }
  const checks = [operation.params?.safeParse(params), operation.query?.safeParse(query), operation.body?.safeParse(sent)]
  const errors = checks.flatMap((check) => (check?.success === false ? fieldErrors(check.error) : []))
  if (errors.length > 0) return problem('invalid_request', `${errors[0]?.field} ${errors[0]?.message}`, errors)
  const body = isRecord(sent) ? sent : {}
  return answers[id]({ id, params, query, body, headers: request.headers }, state)
}

/** An answer that is not the contract's is a mistake of the fake, and said to be one. */
const checkedAnswer = async (state: FakeState, request: IncomingMessage): Promise<FakeAnswer> => {
  try {
    const answer = await answerTo(state, request)
    if (answer.status < 300) every.find((operation) => operation.id === state.seen.at(-1)?.id)?.responses[answer.status]?.parse(answer.body)
    return answer
  } catch (error) {
    return problem('internal', `the fake API: ${String(error)}`)
  }
}

/** Starts the fake on a free port of loopback. */
export const startFakeApi = async () => {
  const state: FakeState = { script: [], audits: 0, seen: [] }
  const server = createServer((request, response) => {
    void checkedAnswer(state, request).then((answer) =>
      response.writeHead(answer.status, { 'content-type': 'application/json', 'x-request-id': 'req-fake' }).end(JSON.stringify(answer.body)),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the fake API has no port')
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url: `http://127.0.0.1:${address.port}`, key: 'lk_operator', seen: state.seen, close }
}
