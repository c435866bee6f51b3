/** What the cut-down clients send, and that the SDK still repeats what deserves it. */
import { GetItemCommand, TransactWriteItemsCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { tableClient } from '../../shared/ports/aws/clients.ts'
import { dynamoStore } from '../../shared/store/dynamo.ts'
import type { Write } from '../../shared/store/store.ts'
import { placeRecord, taskRecord } from '../support/records.ts'
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.ts'

let server: ScriptedServer
let client: DynamoDBClient
beforeEach(async () => {
  server = await startScriptedServer()
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret', sessionToken: 'session' }
  client = tableClient({ endpoint: server.url, region: 'us-east-1', credentials, maxAttempts: 3 })
})
afterEach(async () => {
  client.destroy()
  await server.stop()
})

const get = () => client.send(new GetItemCommand({ TableName: 'table', Key: { pk: { S: 'é' }, sk: { S: 'b' } } }))

test('a call is signed, and carries what it needs and nothing of the middlewares that were removed', async () => {
  server.answerBy(() => ({ body: { Item: { pk: { S: 'é' } } } }))
  expect((await get()).Item).toEqual({ pk: { S: 'é' } })
  const [asked] = server.asked
  expect(asked?.body).toEqual({ TableName: 'table', Key: { pk: { S: 'é' }, sk: { S: 'b' } } })
  expect(Object.keys(asked?.headers ?? {}).toSorted()).toEqual([
    'amz-sdk-invocation-id',
    'amz-sdk-request',
    'authorization',
    'connection',
    'content-length',
    'content-type',
    'host',
    'x-amz-date',
    'x-amz-security-token',
    'x-amz-target',
  ])
  expect(asked?.headers).toMatchObject({
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-target': 'DynamoDB_20120810.GetItem',
    'x-amz-security-token': 'session',
    authorization: expect.stringMatching(
      /^AWS4-HMAC-SHA256 Credential=key\/\d{8}\/us-east-1\/dynamodb\/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=[0-9a-f]{64}$/,
    ),
  })
})

test.each([
  { what: 'a failure of the service', answer: { status: 500, body: { __type: 'InternalServerError' } } },
  { what: 'a proxy that knows no JSON', answer: { status: 503, body: '<html>' } },
  { what: 'throttling', answer: { status: 400, body: { __type: 'x#ThrottlingException' } } },
])('$what is repeated', async ({ answer }) => {
  server.answerBy((_, nth) => (nth < 2 ? answer : { body: {} }))
  await get()
  expect(server.asked).toHaveLength(3)
})

test('an error of the caller is not repeated, and says what and where', async () => {
  server.answerBy(() => ({ status: 400, headers: { 'x-amzn-requestid': 'id' }, body: { __type: 'com.amazon.coral#ValidationException', message: 'no' } }))
  const error = { name: 'ValidationException', message: 'no', $fault: 'client', $metadata: { httpStatusCode: 400, requestId: 'id' } }
  await expect(get()).rejects.toMatchObject(error)
  expect(server.asked).toHaveLength(1)
})

test('a server that is gone is an error of the network', async () => {
  await server.stop()
  await expect(get()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('a transaction that was cancelled says by what', async () => {
  const CancellationReasons = [{ Code: 'None' }, { Code: 'ConditionalCheckFailed' }]
  server.answerBy(() => ({ status: 400, body: { __type: 'x#TransactionCanceledException', Message: 'cancelled', CancellationReasons } }))
  const sent = client.send(new TransactWriteItemsCommand({ TransactItems: [] }))
  await expect(sent).rejects.toMatchObject({ name: 'TransactionCanceledException', message: 'cancelled', CancellationReasons })
})

test('a transaction that the SDK repeats keeps its token, so that a lost answer is no conflict', async () => {
  server.answerBy((_, nth) => (nth < 1 ? { status: 500 } : { body: {} }))
  const store = dynamoStore({ client, table: 'table' })
  const writes: readonly Write[] = [
    { op: 'put_if_absent', record: taskRecord(1) },
    { op: 'put_if_absent', record: placeRecord(1) },
  ]
  expect(await store.commit(writes)).toEqual({ ok: true })
  const tokens = server.asked.map(({ body }) => z.object({ ClientRequestToken: z.uuid() }).parse(body).ClientRequestToken)
  expect(tokens).toHaveLength(2)
  expect(new Set(tokens).size).toBe(1)
})
