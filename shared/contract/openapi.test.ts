import { expect, test } from 'vitest'
import type { Operation } from './operation.ts'
import { openApiDocument } from './openapi.ts'
import { operations } from './operations.ts'

const document = JSON.parse(JSON.stringify(openApiDocument('1.2.3')))
const all: readonly Operation[] = Object.values(operations)

/** Every value under a key, anywhere in a document. */
const valuesOf = (node: unknown, key: string): unknown[] => {
  if (Array.isArray(node)) return node.flatMap((item) => valuesOf(item, key))
  if (typeof node !== 'object' || node === null) return []
  return Object.entries(node).flatMap(([name, value]) => [...(name === key ? [value] : []), ...valuesOf(value, key)])
}

test('is an OpenAPI 3.1 document with the version it is given', () => {
  expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Lanekeeper', version: '1.2.3' } })
})

test('has every operation, once, under its id', () => {
  const ids = valuesOf(document.paths, 'operationId')
  expect(ids).toHaveLength(all.length)
  expect(new Set(ids)).toEqual(new Set(all.map((operation) => operation.id)))
  for (const [key, operation] of Object.entries(operations)) {
    expect(operation.id).toBe(key)
    expect(document.paths[operation.path][operation.method.toLowerCase()]).toMatchObject({ operationId: key })
  }
})

test('every name in a path is a path parameter, and no other is', () => {
  for (const operation of all) {
    const names = [...operation.path.matchAll(/\{([a-z_]+)\}/g)].map((match) => match[1])
    const described = document.paths[operation.path][operation.method.toLowerCase()].parameters
    expect(described.filter((parameter: { in: string }) => parameter.in === 'path').map((parameter: { name: string }) => parameter.name)).toEqual(names)
  }
})

test('every reference leads to a schema of the document', () => {
  const refs = new Set(valuesOf(document, '$ref'))
  expect(refs.size).toBeGreaterThan(10)
  for (const ref of refs) expect(Object.keys(document.components.schemas).map((id) => `#/components/schemas/${id}`)).toContain(ref)
})

test('every answer has a schema, every refusal is a problem, and a key is asked for where one is needed', () => {
  for (const operation of all) {
    const described = document.paths[operation.path][operation.method.toLowerCase()]
    for (const status of Object.keys(operation.responses)) expect(described.responses[status].content['application/json'].schema).toBeTypeOf('object')
    expect(described.responses['500'].content['application/problem+json'].schema).toEqual({ $ref: '#/components/schemas/Problem' })
    expect(described.security).toEqual(operation.role === 'public' ? [] : [{ api_key: [] }])
    expect(Object.hasOwn(described.responses, '401')).toBe(operation.role !== 'public')
  }
})

test('shows what a query parameter means and which fields of a body are required', () => {
  const list = document.paths['/v1/tasks'].get.parameters
  expect(list).toContainEqual({ name: 'limit', in: 'query', required: false, schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 } })
  expect(list).toContainEqual({ name: 'archived', in: 'query', required: false, schema: { type: 'boolean', default: false } })
  const body = document.paths['/v1/tasks'].post.requestBody
  expect(body.required).toBe(true)
  expect(body.content['application/json'].schema).toMatchObject({ required: ['message', 'agent_id'], additionalProperties: false })
  expect(document.paths['/v1/tasks/{task_id}/cancel'].post.requestBody.required).toBe(false)
})

test('an answer may grow: its schemas do not forbid further fields', () => {
  expect(document.components.schemas.Task.additionalProperties).toBeUndefined()
  expect(document.components.schemas.Task.required).toContain('payload')
})
