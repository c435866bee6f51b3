/** The OpenAPI 3.1 document, generated from the operations and their schemas. */
import * as z from 'zod'
import { problems, type ProblemCode } from '../domain/result.ts'
import { contract_schemas } from './common.ts'
import type { Operation } from './operation.ts'
import { operations } from './operations.ts'
import { workspace_header } from './workspaces.ts'

type Json = Readonly<Record<string, unknown>>

const schemaUri = (id: string) => `#/components/schemas/${id}`
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What any operation with a key, a body or at all can be refused with. */
const common_problems: readonly ProblemCode[] = ['invalid_request', 'unavailable', 'internal']
const keyed_problems: readonly ProblemCode[] = ['unauthenticated', 'forbidden']
const body_problems: readonly ProblemCode[] = ['invalid_json', 'body_too_large', 'unsupported_media_type']

/** Shows a query parameter as what it means; takes out what an answer may grow by, and keywords that only one tool reads. */
const override = (open: boolean) => (context: { readonly jsonSchema: { [key: string]: unknown } }) => {
  const schema = context.jsonSchema
  const shown = schema['openapi']
  if (isJson(shown)) {
    for (const key of Object.keys(schema)) delete schema[key]
    Object.assign(schema, shown)
  }
  if (open && schema['additionalProperties'] === false) delete schema['additionalProperties']
  if (schema['maximum'] === Number.MAX_SAFE_INTEGER) delete schema['maximum']
  if (schema['minimum'] === Number.MIN_SAFE_INTEGER) delete schema['minimum']
}

const without = (schema: Json, keys: readonly string[]): Json => Object.fromEntries(Object.entries(schema).filter(([key]) => !keys.includes(key)))

/** A schema of a request: its defaults make a field optional. */
const inputSchema = (schema: z.ZodType): Json => without({ ...z.toJSONSchema(schema, { io: 'input', override: override(false) }) }, ['$schema'])

const componentSchemas = (): Json => {
  const { schemas } = z.toJSONSchema(contract_schemas, { io: 'output', uri: schemaUri, override: override(true) })
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, without({ ...schema }, ['$schema', '$id', 'id'])]))
}

const parametersIn = (where: 'path' | 'query', object: z.ZodObject): readonly Json[] => {
  const schema = inputSchema(object)
  const required = Array.isArray(schema['required']) ? schema['required'] : []
  const properties = isJson(schema['properties']) ? schema['properties'] : {}
  return Object.entries(properties).map(([name, described]) => ({ name, in: where, required: where === 'path' || required.includes(name), schema: described }))
}

const workspace_parameter = {
  name: workspace_header,
  in: 'header',
  required: false,
  description: 'For an operator: the workspace that the request is about',
  schema: { type: 'string' },
} as const

const answer = (schema: z.ZodType, description: string): Json => {
  const id = contract_schemas.get(schema)?.id
  return { description, content: { 'application/json': { schema: id === undefined ? inputSchema(schema) : { $ref: schemaUri(id) } } } }
}

const statusTitles: Readonly<Record<number, string>> = { 200: 'Done', 201: 'Created', 202: 'Accepted' }

/** Refusals by status, each naming the codes it can carry. */
const refusals = (operation: Operation): Json => {
  const codes = [
    ...common_problems,
    ...(operation.role === 'public' ? [] : keyed_problems),
    ...(operation.body === undefined ? [] : body_problems),
    ...operation.problems,
  ]
  const statuses = [...new Set(codes.map((code) => problems[code].status))].toSorted((a, b) => a - b)
  return Object.fromEntries(
    statuses.map((status) => [
      String(status),
      {
        description: codes
          .filter((code) => problems[code].status === status)
          .map((code) => `\`${code}\`: ${problems[code].title}`)
          .join('. '),
        content: { 'application/problem+json': { schema: { $ref: schemaUri('Problem') } } },
      },
    ]),
  )
}

const describe = (operation: Operation): Json => ({
  operationId: operation.id,
  tags: [operation.tag],
  summary: operation.summary,
  description: operation.role === 'public' ? 'Needs no key.' : `Needs the role \`${operation.role}\` or a higher one.`,
  security: operation.role === 'public' ? [] : [{ api_key: [] }],
  parameters: [
    ...parametersIn('path', operation.params),
    ...parametersIn('query', operation.query),
    ...(operation.role === 'public' ? [] : [workspace_parameter]),
  ],
  ...(operation.body === undefined
    ? {}
    : { requestBody: { required: !operation.body.safeParse({}).success, content: { 'application/json': { schema: inputSchema(operation.body) } } } }),
  responses: {
    ...Object.fromEntries(Object.entries(operation.responses).map(([status, schema]) => [status, answer(schema, statusTitles[Number(status)] ?? 'Done')])),
    ...refusals(operation),
  },
})

/** @param version the version of the package that serves it */
export const openApiDocument = (version: string): Json => {
  const paths: Record<string, Record<string, Json>> = {}
  const all: readonly Operation[] = Object.values(operations)
  for (const operation of all) paths[operation.path] = { ...paths[operation.path], [operation.method.toLowerCase()]: describe(operation) }
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Lanekeeper',
      version,
      description: 'Runs AI agents as durable background work. Errors are RFC 9457 problem details with a stable `code`; every answer carries `x-request-id`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: { api_key: { type: 'http', scheme: 'bearer', description: 'An API key: `lk_…`' } },
    },
  }
}
