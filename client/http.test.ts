import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { LanekeeperError, LanekeeperUnreachable } from './error.ts'
import { send, type Outgoing, type Transport } from './http.ts'

const open: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

/** A server that answers the n-th request with the n-th of `answers`, and the last one from then on. */
const serve = async (...answers: ((request: IncomingMessage, response: ServerResponse) => void)[]) => {
  const seen: string[] = []
  const server = createServer((request, response) => {
    const answer = answers[Math.min(seen.length, answers.length - 1)]
    seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? '-'}`)
    answer?.(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const slept: number[] = []
  const transport: Transport = {
    url: `http://127.0.0.1:${address.port}`,
    key: 'lk_test',
    fetch,
    sleep: async (ms) => void slept.push(ms),
    random: () => 0.5,
    tries_max: 4,
    timeout_ms: 10_000,
  }
  return { seen, slept, transport }
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (_: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req-7', ...headers }).end(JSON.stringify(body))
const breakOff = (request: IncomingMessage) => void request.socket.destroy()
const busy = json(503, { code: 'unavailable', status: 503, title: 'A part of the plane did not answer', detail: 'the table throttles' })
const read: Outgoing = { method: 'GET', path: '/v1/health', is_idempotent: true }

test('an answer comes with its status, body and request id, and the key was sent', async () => {
  const { seen, transport } = await serve(json(200, { status: 'ok' }))
  expect(await send(transport, read)).toEqual({ status: 200, body: { status: 'ok' }, request_id: 'req-7' })
  expect(seen).toEqual(['GET /v1/health Bearer lk_test'])
})

test('a broken connection and a 503 are tried again with growing jittered pauses', async () => {
  const { seen, slept, transport } = await serve(breakOff, busy, breakOff, json(200, {}))
  expect((await send(transport, read)).status).toBe(200)
  expect(seen).toHaveLength(4)
  expect(slept).toEqual([75, 150, 300])
})

test('Retry-After is heeded, within reason', async () => {
  const { slept, transport } = await serve(
    json(503, { code: 'unavailable' }, { 'retry-after': '1' }),
    json(503, { code: 'unavailable' }, { 'retry-after': '900' }),
    json(200, {}),
  )
  await send(transport, read)
  expect(slept).toEqual([1_000, 3_000])
})

test('the tries are bounded', async () => {
  const { seen, transport } = await serve(busy)
  await expect(send(transport, read)).rejects.toMatchObject({ code: 'unavailable', status: 503, detail: 'the table throttles', request_id: 'req-7' })
  expect(seen).toHaveLength(4)
})

test('what may not be repeated is sent once', async () => {
  const { seen, transport } = await serve(breakOff)
  const failure = await send(transport, { method: 'POST', path: '/v1/api-keys', body: {}, is_idempotent: false }).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(LanekeeperUnreachable)
  expect(seen).toHaveLength(1)
})

test('a refusal is not tried again, and carries the problem', async () => {
  const errors = [{ field: 'policy.retry.max_attempts', message: 'must be at most 20', value: 99 }]
  const { seen, transport } = await serve(
    json(400, {
      type: 'about:blank',
      code: 'invalid_request',
      status: 400,
      title: 'The request is not valid',
      detail: 'one field',
      errors,
      request_id: 'req-9',
    }),
  )
  const failure = await send(transport, read).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(LanekeeperError)
  expect(failure).toMatchObject({ code: 'invalid_request', status: 400, errors, request_id: 'req-9', message: 'invalid_request: one field' })
  expect(seen).toHaveLength(1)
})

test('an answer that is not from Lanekeeper is said to be that', async () => {
  const { transport } = await serve((_, response) => void response.writeHead(502).end('<html>Bad Gateway'))
  await expect(send(transport, read)).rejects.toMatchObject({ code: 'unexpected_answer', status: 502, detail: expect.stringContaining('<html>Bad Gateway') })
})

test('where nobody listens, the error names the address and the reason', async () => {
  const { transport } = await serve(busy)
  await open.pop()?.()
  await expect(send({ ...transport, tries_max: 2 }, read)).rejects.toMatchObject({ name: 'LanekeeperUnreachable', url: transport.url, reason: 'ECONNREFUSED' })
})

test('an abort is not tried again', async () => {
  const controller = new AbortController()
  const { seen, transport } = await serve(() => controller.abort(new Error('enough')))
  await expect(send(transport, { ...read, signal: controller.signal })).rejects.toThrow('enough')
  expect(seen).toHaveLength(1)
})

test('a try that takes too long counts as no answer', async () => {
  const { seen, transport } = await serve(() => undefined, json(200, {}))
  expect((await send({ ...transport, timeout_ms: 50 }, read)).status).toBe(200)
  expect(seen).toHaveLength(2)
})
