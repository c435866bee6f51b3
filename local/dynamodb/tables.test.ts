import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { callAws } from '../net/aws-call.ts'
import { resolveStack } from '../template/resolved.ts'
import { Template } from '../template/template.ts'
import { dynoxideProgram, startDynamoDb, type DynamoDb } from './process.ts'
import { provisionTables } from './tables.ts'

let folder: string
let dynamodb: DynamoDb
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanekeeper-dynamodb-'))
  dynamodb = await startDynamoDb(folder, undefined)
})
afterEach(async () => {
  await dynamodb.stop()
  await rm(folder, { recursive: true, force: true })
})

const keys = (hash: string, range: string) => [
  { AttributeName: hash, KeyType: 'HASH' },
  { AttributeName: range, KeyType: 'RANGE' },
]
const index = (IndexName: string, hash: string) => ({ IndexName, KeySchema: keys(hash, 'sk'), Projection: { ProjectionType: 'KEYS_ONLY' } })
const provision = (indexes: readonly ReturnType<typeof index>[], hash = 'pk') => {
  const AttributeDefinitions = [hash, 'sk', ...new Set(indexes.map(({ KeySchema }) => KeySchema[0]?.AttributeName ?? ''))].map((AttributeName) => ({
    AttributeName,
    AttributeType: 'S',
  }))
  const Properties = { AttributeDefinitions, KeySchema: keys(hash, 'sk'), GlobalSecondaryIndexes: [...indexes], Replicas: [{ Region: { Ref: 'AWS::Region' } }] }
  const template = Template.parse({ Resources: { Records: { Type: 'AWS::DynamoDB::GlobalTable', Properties } } })
  const around = { region: 'us-east-1', account: '000000000000', stack_name: 'Test', api_url: '', sqs_url: '' }
  return provisionTables(resolveStack({ stack_name: 'Test', template, assets: new Map() }, {}, around), dynamodb.url)
}
const call = (operation: string, body: object) =>
  callAws(dynamodb.url, { service: 'dynamodb', target: `DynamoDB_20120810.${operation}`, region: 'us-east-1' }, { TableName: 'Test-Records', ...body })
const itemsOf = async (IndexName: string, attribute: string) =>
  z.looseObject({ Items: z.array(z.unknown()) }).parse(
    await call('Query', {
      IndexName,
      KeyConditionExpression: '#a = :v',
      ExpressionAttributeNames: { '#a': attribute },
      ExpressionAttributeValues: { ':v': { S: 'v' } },
    }),
  ).Items

test('a table is made once; an index that is added later holds what was there before', async () => {
  expect(await provision([index('first', 'one')])).toEqual(['Test-Records'])
  await call('PutItem', { Item: { pk: { S: 'p' }, sk: { S: 's' }, one: { S: 'v' }, two: { S: 'v' } } })
  await provision([index('first', 'one'), index('second', 'two'), index('third', 'one')])
  expect(await itemsOf('first', 'one')).toHaveLength(1)
  expect(await itemsOf('second', 'two')).toHaveLength(1)
  expect(await itemsOf('third', 'one')).toHaveLength(1)
})

test('what cannot be changed in place is refused with a way out', async () => {
  await provision([index('first', 'one')])
  await expect(provision([index('first', 'two')])).rejects.toThrow(/index first[^]*--data/)
  await expect(provision([], 'other')).rejects.toThrow(/another key[^]*--data/)
})

test('what was written is there after a restart', async () => {
  await provision([])
  await call('PutItem', { Item: { pk: { S: 'p' }, sk: { S: 's' } } })
  await dynamodb.stop()
  dynamodb = await startDynamoDb(folder, undefined)
  expect(await call('GetItem', { Key: { pk: { S: 'p' }, sk: { S: 's' } } })).toMatchObject({ Item: { pk: { S: 'p' } } })
})

test('any other DynamoDB can be pointed to', async () => {
  const pointed = await startDynamoDb(folder, `${dynamodb.url}/`)
  expect(pointed.url).toBe(dynamodb.url)
  await pointed.stop()
  expect(await provision([])).toEqual(['Test-Records'])
})

test('where nothing answers, and where the platform has no program, the error says what to do', async () => {
  await expect(startDynamoDb(folder, 'http://127.0.0.1:9')).rejects.toThrow(/DYNAMODB_ENDPOINT is http:\/\/127\.0\.0\.1:9, and nothing answers/)
  expect(() => dynoxideProgram('plan9', 'mips')).toThrow(/@dynoxide\/plan9-mips is not installed[^]*DYNAMODB_ENDPOINT=/)
})
