import { request } from 'node:http'
import { afterEach, expect, test, vi } from 'vitest'
import { InvocationError, type LocalFunction } from '../lambda/function.ts'
import { listen, type Listener } from '../net/listen.ts'
import { httpApiHandler } from './server.ts'

const listeners: Listener[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  for (const listener of listeners.splice(0)) await listener.close()
})

const functionOf = (invoke: (event: unknown) => Promise<unknown>): LocalFunction => ({
  settings: { name: 'f', arn: 'arn:f', module_path: '', handler: 'handler', timeout_ms: 1, memory_mib: 128, environment: {} },
  invoke,
  warm: () => undefined,
  stop: async () => undefined,
})

const serve = async (invoke: (event: unknown) => Promise<unknown>, more: { stage?: string; timeout_ms?: number; keys?: readonly string[] } = {}) => {
  const routes = (more.keys ?? ['$default']).map((key) => ({ key, target: functionOf(invoke) }))
  const { timeout_ms } = more
  const handler = httpApiHandler({
    api_id: 'api',
    account: '0',
    stage: more.stage ?? '$default',
    routes,
    now: () => 0,
    ...(timeout_ms === undefined ? {} : { timeout_ms }),
  })
  const listener = await listen(handler)
  listeners.push(listener)
  return listener.url
}
const echo = async (event: unknown) => ({ statusCode: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(event) })

test('an event in payload format 2.0', async () => {
  const url = await serve(echo, { keys: ['POST /v1/tasks/{task_id}'] })
  const response = await fetch(`${url}/v1/tasks/t%201?a=1&a=2&b=%20`, {
    method: 'POST',
    headers: { 'content-type': 'application/json; charset=utf-8', cookie: 'x=1; y=2', 'X-Two': 'v' },
    body: '{"é":1}',
  })
  expect(await response.json()).toMatchObject({
    version: '2.0',
    routeKey: 'POST /v1/tasks/{task_id}',
    rawPath: '/v1/tasks/t%201',
    rawQueryString: 'a=1&a=2&b=%20',
    cookies: ['x=1', 'y=2'],
    headers: { 'x-two': 'v' },
    queryStringParameters: { a: '1,2', b: ' ' },
    pathParameters: { task_id: 't 1' },
    requestContext: {
      http: { method: 'POST', path: '/v1/tasks/t%201', sourceIp: '127.0.0.1' },
      stage: '$default',
      timeEpoch: 0,
      time: '01/Jan/1970:00:00:00 +0000',
    },
    body: '{"é":1}',
    isBase64Encoded: false,
  })
  expect(response.headers.get('apigw-requestid')).toBeTruthy()
})

test('a body that is not text arrives as base64, and one can be answered', async () => {
  const bytes = Buffer.from([0, 255, 1])
  const url = await serve(async (event) => ({ statusCode: 201, isBase64Encoded: true, cookies: ['a=1', 'b=2'], body: JSON.parse(JSON.stringify(event)).body }))
  const response = await fetch(url, { method: 'PUT', headers: { 'content-type': 'application/octet-stream' }, body: bytes })
  expect(response.status).toBe(201)
  expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes)
  expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
})

test('a result without a status is the body of a 200', async () => {
  const url = await serve(async () => ({ hello: 1 }))
  const response = await fetch(url)
  expect([response.status, await response.json()]).toEqual([200, { hello: 1 }])
})

test.each([
  [
    'a function that fails',
    async () => Promise.reject(new InvocationError({ errorType: 'E', errorMessage: 'm', trace: [] })),
    500,
    'Internal Server Error',
    'E: m',
  ],
  ['a result that means nothing', async () => ({ statusCode: 'no' }), 500, 'Internal Server Error', 'what it returned is no HTTP response'],
  ['a function that takes too long', async () => new Promise(() => undefined), 503, 'Service Unavailable', 'it took longer than 50 ms'],
])('%s: the client is told nothing of it, and whoever runs the stack is', async (_, invoke, status, message, cause) => {
  const said = vi.spyOn(console, 'error').mockReturnValue()
  const url = await serve(invoke, { timeout_ms: 50 })
  const response = await fetch(url)
  expect([response.status, await response.json()]).toEqual([status, { message }])
  const request_id = response.headers.get('apigw-requestid') ?? ''
  expect(said.mock.calls).toEqual([[`the local gateway has no answer of f to GET / (${request_id}):`, cause]])
})

test('no route', async () => {
  const url = await serve(echo, { keys: ['GET /a'] })
  const response = await fetch(`${url}/b`)
  expect([response.status, await response.json()]).toEqual([404, { message: 'Not Found' }])
})

test('a stage with a name is the first part of the path', async () => {
  const url = await serve(echo, { keys: ['GET /a'], stage: 'prod' })
  expect((await fetch(`${url}/prod/a`)).status).toBe(200)
  expect((await fetch(`${url}/a`)).status).toBe(404)
})

const post = (url: string, headers: Record<string, string | number>, chunks: readonly Buffer[]): Promise<{ status: number; body: string }> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers }, (response) => {
      let body = ''
      response.on('data', (chunk) => (body += String(chunk)))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    sent.on('error', reject)
    sent.flushHeaders()
    for (const chunk of chunks) sent.write(chunk)
    // A length that was announced is not sent to the end: the answer must not wait for it.
    if (headers['content-length'] === undefined) sent.end()
  })

test('a body over 10 MB is refused, announced or not', async () => {
  const url = await serve(echo)
  const refused = { status: 413, body: '{"message":"Request Entity Too Large"}' }
  expect(await post(url, { 'content-length': 10 * 1_048_576 + 1 }, [])).toEqual(refused)
  const eleven = Array.from({ length: 11 }, () => Buffer.alloc(1_048_576))
  expect(await post(url, {}, eleven)).toEqual(refused)
})
