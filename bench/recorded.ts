/** A relay before the table that keeps the writes that pass through it, and the same writes again with nothing around them. */
import {
  DeleteItemCommand,
  PutItemCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  type DeleteItemCommandInput,
  type DynamoDBClient,
  type PutItemCommandInput,
  type TransactWriteItemsCommandInput,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb'
import * as z from 'zod'
import { readBody } from '../local/net/body.ts'
import { listen, type Listener } from '../local/net/listen.ts'

/** A request that the table answered well. */
export interface Recorded {
  readonly operation: string
  /** The request as JSON. */
  readonly input: unknown
}

/** Longer than any request to a table. */
const body_bytes_max = 32 * 1_048_576

/** Hands each request on to the table at `url`, and to `keep` what was answered well. */
export const startRelay = (url: string, keep: (request: Recorded) => void): Promise<Listener> =>
  listen(async (request, response) => {
    const body = await readBody(request, body_bytes_max)
    if (body === 'too_large') throw new Error('a request to the table is too large')
    const named = (name: string): string => String(request.headers[name] ?? '')
    const headers = Object.fromEntries(['content-type', 'x-amz-target', 'x-amz-date', 'authorization'].map((name) => [name, named(name)]))
    const answer = await fetch(url, { method: 'POST', headers, body })
    const text = await answer.text()
    const [, operation = ''] = named('x-amz-target').split('.')
    if (answer.ok) keep({ operation, input: JSON.parse(body.toString('utf8')) })
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' }).end(text)
  })

const isObject = (input: unknown): boolean => typeof input === 'object' && input !== null
const Put = z.custom<PutItemCommandInput>(isObject)
const Update = z.custom<UpdateItemCommandInput>(isObject)
const Delete = z.custom<DeleteItemCommandInput>(isObject)
const Transaction = z.custom<TransactWriteItemsCommandInput>(isObject)

/** By operation; what is not here writes nothing. */
const senders: Readonly<Record<string, (client: DynamoDBClient, input: unknown) => Promise<unknown>>> = {
  PutItem: async (client, input) => client.send(new PutItemCommand(Put.parse(input))),
  UpdateItem: async (client, input) => client.send(new UpdateItemCommand(Update.parse(input))),
  DeleteItem: async (client, input) => client.send(new DeleteItemCommand(Delete.parse(input))),
  TransactWriteItems: async (client, input) => client.send(new TransactWriteItemsCommand(Transaction.parse(input))),
}

const Text = z.looseObject({ S: z.string() })
const Address = z.looseObject({ pk: Text, sk: Text })
const Written = z.looseObject({ Item: Address.optional(), Key: Address.optional() })
const Wrapped = z.looseObject({ Put: Written.optional(), Update: Written.optional(), Delete: Written.optional(), ConditionCheck: Written.optional() })
const Writes = Written.extend({ TransactItems: z.array(Wrapped).default([]) })

/** The items that a write names. */
const addressesIn = (input: unknown): readonly string[] => {
  const { TransactItems, ...alone } = Writes.parse(input)
  const written = [alone, ...TransactItems.flatMap(({ Put: put, Update: update, Delete: gone, ConditionCheck: check }) => [put, update, gone, check])]
  return written.flatMap((write) => {
    const address = write?.Item ?? write?.Key
    return address === undefined ? [] : [`${address.pk.S} ${address.sk.S}`]
  })
}

/** Sends the writes among the requests again. One waits for those before it that name the same items, because it rests on them; others go side by side. */
export const writeAgain = async (client: DynamoDBClient, requests: readonly Recorded[], at_once_max: number): Promise<void> => {
  const going = new Map<Promise<unknown>, readonly string[]>()
  for (const { operation, input } of requests) {
    const send = senders[operation]
    if (send === undefined) continue
    const addresses = addressesIn(input)
    const blocks = (others: readonly string[]) => others.some((address) => addresses.includes(address))
    while (going.size >= at_once_max || [...going.values()].some(blocks)) await Promise.race(going.keys())
    const sent = send(client, input).finally(() => going.delete(sent))
    going.set(sent, addresses)
  }
  await Promise.all(going.keys())
}
