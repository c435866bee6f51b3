import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { expect, test } from 'vitest'
import { writeAgain } from './recorded.ts'

const named = (pk: string) => ({ pk: { S: pk }, sk: { S: 's' } })
const put = (pk: string) => ({ operation: 'PutItem', input: { TableName: 't', Item: named(pk) } })

/** A client that tells of each call when it begins and when it ends, and ends it a turn of the event loop later. */
const watched = () => {
  const seen: string[] = []
  const client = new DynamoDBClient({ region: 'local' })
  client.send = async ({ input }: { readonly input: unknown }) => {
    const name = JSON.stringify(input).match(/"pk":\{"S":"(\w+)"/)?.[1]
    seen.push(`${name} begins`)
    await new Promise((resolve) => setImmediate(resolve))
    seen.push(`${name} ends`)
  }
  return { client, seen }
}

test('writes of different items go side by side, those of the same item one after the other, reads not at all', async () => {
  const { client, seen } = watched()
  const both = { operation: 'TransactWriteItems', input: { TransactItems: [{ Delete: { Key: named('b') } }, { Put: { Item: named('c') } }] } }
  await writeAgain(client, [put('a'), { operation: 'GetItem', input: { Key: named('x') } }, put('b'), both, put('c')], 16)
  expect(seen).toEqual(['a begins', 'b begins', 'a ends', 'b ends', 'b begins', 'b ends', 'c begins', 'c ends'])
})

test('no more at once than allowed', async () => {
  const { client, seen } = watched()
  await writeAgain(client, [put('a'), put('b')], 1)
  expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
})
