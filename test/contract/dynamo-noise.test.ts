/** What no emulator does: throttling, transactions that meet, and answers that are only a part of what was asked. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { tableClient } from '../../shared/ports/aws/clients.ts'
import { UnavailableError, type Backoff } from '../../shared/ports/backoff.ts'
import { dynamoStore, type CapacityUse } from '../../shared/store/dynamo.ts'
import { itemOf } from '../../shared/store/items.ts'
import { refOf } from '../../shared/store/keys.ts'
import type { Store, Write } from '../../shared/store/store.ts'
import { placeRecord, taskRecord } from '../support/records.ts'
import { startScriptedServer, type Answer, type ScriptedServer } from '../support/scripted-server.ts'

let server: ScriptedServer
let client: DynamoDBClient
beforeAll(async () => {
  server = await startScriptedServer()
  client = tableClient({ endpoint: server.url, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, maxAttempts: 1 })
})
afterAll(async () => {
  client.destroy()
  await server.stop()
})

let slept: number[]
let backoff: Backoff
let used: CapacityUse[]
let store: Store
beforeEach(() => {
  slept = []
  used = []
  backoff = { random: () => 0.5, sleep: async (pause_ms) => void slept.push(pause_ms), attempts_max: 4, base_ms: 10, cap_ms: 25 }
  store = dynamoStore({ client, table: 'table', backoff, onCapacity: (use) => void used.push(use) })
})

const failure = (type: string, more: object = {}): Answer => ({
  status: 400,
  body: { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: type, ...more },
})
const cancelled = (...codes: readonly string[]) => failure('TransactionCanceledException', { CancellationReasons: codes.map((Code) => ({ Code })) })

const one: readonly Write[] = [{ op: 'put_if_absent', record: taskRecord(1) }]
const two: readonly Write[] = [...one, { op: 'put_if_absent', record: placeRecord(1) }]

test.each([
  { what: 'another transaction', writes: two, noise: cancelled('None', 'TransactionConflict') },
  { what: 'throttling of an item', writes: two, noise: cancelled('ThrottlingError', 'None') },
  { what: 'the capacity of a partition', writes: two, noise: cancelled('ProvisionedThroughputExceeded', 'None') },
  { what: 'a transaction on the item of a plain write', writes: one, noise: failure('TransactionConflictException') },
  { what: 'throttling', writes: one, noise: failure('ThrottlingException') },
  { what: 'the account limit', writes: two, noise: failure('RequestLimitExceeded') },
  { what: 'throughput', writes: one, noise: failure('ProvisionedThroughputExceededException') },
])('a commit is repeated after $what', async ({ writes, noise }) => {
  server.answerBy((_, nth) => (nth < 3 ? noise : {}))
  expect(await store.commit(writes)).toEqual({ ok: true })
  expect(server.asked).toHaveLength(4)
  expect(slept).toEqual([5, 10, 12.5])
})

test('noise that does not end is an error and no conflict', async () => {
  server.answerBy(() => cancelled('TransactionConflict', 'None'))
  await expect(store.commit(two)).rejects.toThrow(UnavailableError)
  expect(server.asked).toHaveLength(4)
})

test('a failed condition is a conflict even where another transaction was in the way as well', async () => {
  server.answerBy(() => cancelled('TransactionConflict', 'ConditionalCheckFailed'))
  expect(await store.commit(two)).toEqual({ ok: false, conflicts: [1] })
  server.answerBy(() => failure('ConditionalCheckFailedException'))
  expect(await store.commit(one)).toEqual({ ok: false, conflicts: [0] })
  expect(server.asked).toHaveLength(1)
})

test.each([
  { answer: failure('ValidationException'), error: 'ValidationException' },
  { answer: cancelled('ValidationError', 'None'), error: 'TransactionCanceledException' },
  { answer: failure('ResourceNotFoundException'), error: 'ResourceNotFoundException' },
])('what is neither noise nor a conflict is thrown at once: $error', async ({ answer, error }) => {
  server.answerBy(() => answer)
  await expect(store.commit(two)).rejects.toThrow(error)
  expect(server.asked).toHaveLength(1)
})

const Keys = z.object({ RequestItems: z.object({ table: z.object({ Keys: z.array(z.unknown()), ConsistentRead: z.boolean() }) }) })

test('keys that DynamoDB left out of a batch are asked for again', async () => {
  const records = [placeRecord(1), placeRecord(2), placeRecord(3)]
  server.answerBy((asked, nth) => {
    const { Keys: keys } = Keys.parse(asked.body).RequestItems.table
    const first = nth === 1 ? [] : records.slice(nth === 0 ? 0 : 1, nth === 0 ? 1 : 3)
    return {
      body: { Responses: { table: first.map((record) => marshall(itemOf(record))) }, UnprocessedKeys: nth < 2 ? { table: { Keys: keys.slice(-2) } } : {} },
    }
  })
  expect(await store.getMany(records.map(refOf))).toEqual(records)
  expect(server.asked.map((asked) => Keys.parse(asked.body).RequestItems.table)).toMatchObject([
    { ConsistentRead: true },
    { ConsistentRead: true },
    { ConsistentRead: true },
  ])
  expect(slept).toEqual([10])
})

test('a batch that never gets on is an error', async () => {
  server.answerBy((asked) => ({ body: { Responses: { table: [] }, UnprocessedKeys: { table: { Keys: Keys.parse(asked.body).RequestItems.table.Keys } } } }))
  await expect(store.getMany([refOf(placeRecord(1))])).rejects.toThrow(UnavailableError)
  expect(server.asked).toHaveLength(4)
})

test('a record that has vanished between the index and the table is left out, and the next page is known', async () => {
  const tasks = [1, 2, 3].map((n) => taskRecord(n))
  server.answerBy((asked) => {
    if (asked.headers['x-amz-target'] === 'DynamoDB_20120810.Query')
      return { body: { Items: tasks.map((task) => marshall({ pk: refOf(task).pk, sk: refOf(task).sk, label_pk: 'partition', list_sk: task.id })) } }
    return { body: { Responses: { table: tasks.slice(1, 2).map((task) => marshall(itemOf(task))) }, UnprocessedKeys: {} } }
  })
  expect(await store.range({ index: 'by_label', pk: 'partition', limit: 2 })).toEqual({ records: [taskRecord(2)], after: taskRecord(2).id })
})

test('a query goes on where DynamoDB broke a page off', async () => {
  const places = [1, 2, 3].map((n) => placeRecord(n))
  server.answerBy((_, nth) => ({
    body: {
      Items: places.slice(nth, nth + 1).map((place) => marshall(itemOf(place))),
      ...(nth < 2 ? { LastEvaluatedKey: { pk: { S: 'partition' }, sk: { S: String(nth) } } } : {}),
    },
  }))
  expect(await store.range({ index: 'table', pk: 'partition', limit: 5 })).toEqual({ records: places })
  expect(server.asked.map(({ body }) => body)).toMatchObject([{ Limit: 6 }, { Limit: 5, ExclusiveStartKey: { sk: { S: '0' } } }, { Limit: 4 }])
})

test('the next page of the table starts behind the last record and does not read it again', async () => {
  server.answerBy(() => ({ body: { Items: [] } }))
  await store.range({ index: 'table', pk: 'partition', from: 'a', to: 'c', after: 'b', limit: 5 })
  await store.range({ index: 'table', pk: 'partition', from: 'b', after: 'a', limit: 5 })
  expect(server.asked[0]?.body).toMatchObject({ Limit: 6, ExclusiveStartKey: { pk: { S: 'partition' }, sk: { S: 'b' } } })
  expect(server.asked[1]?.body).not.toHaveProperty('ExclusiveStartKey')
})

test('consumption is asked for and reported only where somebody listens', async () => {
  server.answerBy(() => ({ body: { ConsumedCapacity: [{ TableName: 'table', CapacityUnits: 4 }] } }))
  await store.commit(two)
  expect(used).toEqual([{ operation: 'transact_write', read_units: 0, write_units: 4 }])
  server.answerBy(() => ({ body: { ConsumedCapacity: { TableName: 'table', CapacityUnits: 0.5 } } }))
  await store.get(refOf(taskRecord(1)), { consistent: false })
  expect(used[1]).toEqual({ operation: 'get', read_units: 0.5, write_units: 0 })
  expect(server.asked[0]?.body).toMatchObject({ ReturnConsumedCapacity: 'TOTAL', ConsistentRead: false })
  await dynamoStore({ client, table: 'table' }).get(refOf(taskRecord(1)))
  expect(server.asked[1]?.body).not.toHaveProperty('ReturnConsumedCapacity')
})

test('an item that is no record of its kind is an error', async () => {
  server.answerBy(() => ({ body: { Item: marshall({ ...itemOf(taskRecord(1)), state: 'unheard of' }) } }))
  await expect(store.get(refOf(taskRecord(1)))).rejects.toThrow('state')
})
