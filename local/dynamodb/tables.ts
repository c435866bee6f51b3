/**
 * The tables of the template: created if absent, and given the indexes that have been added since. What differs otherwise
 * cannot be changed in place, here as on AWS. Backups and expiry mean nothing on a laptop.
 */
import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import type { ResolvedStack } from '../template/resolved.ts'
import { callAws } from '../net/aws-call.ts'

const KeySchema = z.array(z.looseObject({ AttributeName: z.string(), KeyType: z.enum(['HASH', 'RANGE']) }))
const Index = z.looseObject({ IndexName: z.string(), KeySchema, Projection: z.looseObject({ ProjectionType: z.string() }).default({ ProjectionType: 'ALL' }) })
const TableProperties = z.looseObject({
  AttributeDefinitions: z.array(z.looseObject({ AttributeName: z.string(), AttributeType: z.string() })),
  KeySchema,
  GlobalSecondaryIndexes: z.array(Index).default([]),
})
type TableProperties = z.infer<typeof TableProperties>
const Described = z.looseObject({
  Table: z.looseObject({ TableStatus: z.string(), KeySchema, GlobalSecondaryIndexes: z.array(Index.extend({ IndexStatus: z.string() })).default([]) }),
})
type Described = z.infer<typeof Described>['Table']

const keysOf = (schema: z.infer<typeof KeySchema>) => schema.map(({ AttributeName, KeyType }) => `${KeyType} ${AttributeName}`).join(', ')

const definitionsFor = (table: TableProperties, schemas: readonly z.infer<typeof KeySchema>[]) => {
  const used = new Set(schemas.flat().map(({ AttributeName }) => AttributeName))
  return table.AttributeDefinitions.filter(({ AttributeName }) => used.has(AttributeName)).map(({ AttributeName, AttributeType }) => ({
    AttributeName,
    AttributeType,
  }))
}
const indexInput = ({ IndexName, KeySchema: keys, Projection }: z.infer<typeof Index>) => ({ IndexName, KeySchema: keys, Projection })

type Call = (operation: string, body: object) => Promise<unknown>

const describe = async (call: Call, name: string): Promise<Described | undefined> => {
  try {
    return Described.parse(await call('DescribeTable', { TableName: name })).Table
  } catch (error) {
    if (error instanceof Error && error.message.includes('ResourceNotFoundException')) return undefined
    throw error
  }
}

/** Waits until the table and all of its indexes can be used. */
const untilActive = async (call: Call, name: string): Promise<void> => {
  for (let waited_ms = 0; waited_ms < 60_000; waited_ms += 50) {
    const table = await describe(call, name)
    if (table?.TableStatus === 'ACTIVE' && table.GlobalSecondaryIndexes.every(({ IndexStatus }) => IndexStatus === 'ACTIVE')) return
    await delay(50)
  }
  throw new Error(`table ${name} did not become active within a minute`)
}

const create = async (call: Call, name: string, table: TableProperties) => {
  const indexes = table.GlobalSecondaryIndexes.map(indexInput)
  await call('CreateTable', {
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: definitionsFor(table, [table.KeySchema, ...indexes.map(({ KeySchema: keys }) => keys)]),
    KeySchema: table.KeySchema,
    ...(indexes.length === 0 ? {} : { GlobalSecondaryIndexes: indexes }),
  })
  await untilActive(call, name)
}

const refuseChange = (name: string, what: string, there: string, wanted: string): never => {
  throw new Error(
    `table ${name} is there with ${what} (${there}) and the template says (${wanted}); that cannot be changed in place: use another --data folder, or delete this one`,
  )
}

/** Adds what is missing. DynamoDB adds one index at a time. */
const bringUpToDate = async (call: Call, name: string, table: TableProperties, there: Described) => {
  if (keysOf(there.KeySchema) !== keysOf(table.KeySchema)) refuseChange(name, 'another key', keysOf(there.KeySchema), keysOf(table.KeySchema))
  for (const index of table.GlobalSecondaryIndexes) {
    const known = there.GlobalSecondaryIndexes.find(({ IndexName }) => IndexName === index.IndexName)
    if (known === undefined) {
      const definitions = definitionsFor(table, [table.KeySchema, index.KeySchema])
      await call('UpdateTable', { TableName: name, AttributeDefinitions: definitions, GlobalSecondaryIndexUpdates: [{ Create: indexInput(index) }] })
      await untilActive(call, name)
    } else if (keysOf(known.KeySchema) !== keysOf(index.KeySchema))
      refuseChange(name, `another key of index ${index.IndexName}`, keysOf(known.KeySchema), keysOf(index.KeySchema))
  }
}

/** @returns the names of the tables */
export const provisionTables = async (stack: ResolvedStack, url: string): Promise<readonly string[]> => {
  const call: Call = (operation, body) =>
    callAws(url, { service: 'dynamodb', target: `DynamoDB_20120810.${operation}`, region: stack.surroundings.region }, body)
  const tables = stack.of(['AWS::DynamoDB::Table', 'AWS::DynamoDB::GlobalTable'], TableProperties)
  for (const { identity, properties } of tables) {
    const there = await describe(call, identity.name)
    if (there === undefined) await create(call, identity.name, properties)
    else await bringUpToDate(call, identity.name, properties, there)
  }
  return tables.map(({ identity }) => identity.name)
}
