import { beforeEach, expect, test } from 'vitest'
import { operations } from '../../shared/contract/operations.ts'
import { UnavailableError } from '../../shared/ports/backoff.ts'
import { call, freshPlane, makeAgent } from '../support/api-steps.ts'
import { shaped, type ApiPlane } from '../support/http.ts'

let plane: ApiPlane
beforeEach(async () => {
  ;({ plane } = await freshPlane())
})

test('health and the contract need no key, and every answer has a request id', async () => {
  const health = await plane.call('GET', '/v1/health')
  expect(shaped(operations.getHealth.responses[200], health)).toEqual({ status: 'ok', stream_url: 'https://stream.invalid' })
  expect(health.headers['x-request-id']).toMatch(/^request-\d+$/)
  const contract = await plane.call('GET', '/v1/openapi.json')
  expect(contract).toMatchObject({ status: 200, body: { openapi: '3.1.0', info: { version: '0.0.0' } } })
  expect(contract.headers['x-request-id']).not.toBe(health.headers['x-request-id'])
})

test('a table that does not answer makes health and every request 503, and a bug 500 without its words', async () => {
  plane.failReads(new Error('secret inner words'))
  expect(await plane.call('GET', '/v1/health')).toMatchObject({ status: 503, headers: { 'retry-after': '1' }, body: { code: 'unavailable' } })
  const broken = await call('GET', '/v1/agents')
  expect(broken).toMatchObject({ status: 500, body: { code: 'internal' }, headers: { 'content-type': 'application/problem+json' } })
  expect(broken.text).not.toContain('secret inner words')
  expect(plane.log_lines.filter((line) => line.level === 'error')).toMatchObject([{ code: 'request_failed', fields: { status: 500, operation: 'listAgents' } }])
  expect(plane.counts).toEqual(['request_failed'])
  plane.failReads(new UnavailableError('the table', { cause: new Error('throttled') }))
  expect(await call('GET', '/v1/agents')).toMatchObject({ status: 503, body: { code: 'unavailable' } })
})

test('requests served at once keep their own ids in answers and log lines', async () => {
  const agent = await makeAgent()
  const many = await Promise.all(
    Array.from({ length: 30 }, async (_, n) => (n % 2 === 0 ? call('GET', `/v1/agents/${agent.id}`) : plane.call('GET', '/v1/nowhere'))),
  )
  const ids = many.map((answer) => answer.headers['x-request-id'])
  expect(new Set(ids).size).toBe(30)
  for (const [n, request_id] of ids.entries())
    expect(plane.log_lines.filter((line) => line.fields?.['request_id'] === request_id)).toMatchObject([
      { code: 'request_handled', fields: { status: n % 2 === 0 ? 200 : 404 } },
    ])
})
