/**
 * The store on DynamoDB. Only a failed condition is a conflict; throttling and transactions that met another are
 * repeated with jitter, a bounded number of times.
 */
import { BatchGetItemCommand, GetItemCommand, type AttributeValue, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import * as z from 'zod'
import { default_backoff, pause, UnavailableError, type Backoff } from '../ports/backoff.ts'
import { commitTo } from './dynamo-commit.ts'
import { call, reporting, type CapacityUse, type Link } from './dynamo-link.ts'
import { queryItems } from './dynamo-query.ts'
import { anyRecordOf, recordOf } from './items.ts'
import type { Ref } from './keys.ts'
import type { RecordKind, RecordOf } from './records.ts'
import type { RangePage, RangeQuery, Store } from './store.ts'

export type { CapacityUse } from './dynamo-link.ts'

export interface DynamoOptions {
  readonly client: DynamoDBClient
  readonly table: string
  /** Hears what each call consumed. Without a listener nothing is asked for. */
  readonly onCapacity?: (use: CapacityUse) => void
  readonly backoff?: Backoff
}

interface Key {
  readonly pk: string
  readonly sk: string
}
const RawItem = z.looseObject({ pk: z.string(), sk: z.string() })
type RawItem = z.infer<typeof RawItem>

/** BatchGetItem takes no more keys. */
const batch_keys_max = 100

const addressOf = ({ pk, sk }: Key): string => JSON.stringify([pk, sk])

/** What is found of at most 100 keys, in no order. DynamoDB leaves out what it has no room or capacity for: ask again. */
const getBatch = async (link: Link, keys: readonly Key[], consistent: boolean): Promise<readonly RawItem[]> => {
  const found: RawItem[] = []
  let wanted: Record<string, AttributeValue>[] = keys.map(({ pk, sk }) => marshall({ pk, sk }))
  for (let tried = 1; ; tried += 1) {
    const RequestItems = { [link.table]: { Keys: wanted, ConsistentRead: consistent } }
    const output = await call(link, 'batch_get', () => link.client.send(new BatchGetItemCommand({ RequestItems, ...reporting(link) })))
    const items = output.Responses?.[link.table] ?? []
    found.push(...items.map((item) => RawItem.parse(unmarshall(item))))
    const rest = output.UnprocessedKeys?.[link.table]?.Keys ?? []
    if (rest.length === 0) return found
    if (items.length === 0 && tried >= link.backoff.attempts_max)
      throw new UnavailableError('the table', { cause: new Error(`${rest.length} keys stay unprocessed`) })
    if (items.length === 0) await pause(link.backoff, tried)
    wanted = rest
  }
}

/** The items of keys by their address. A key may be named twice. */
const getItems = async (link: Link, keys: readonly Key[], consistent = true): Promise<ReadonlyMap<string, RawItem>> => {
  const unique = [...new Map(keys.map((key) => [addressOf(key), key])).values()]
  const batches = Array.from({ length: Math.ceil(unique.length / batch_keys_max) }, (_, n) => unique.slice(n * batch_keys_max, (n + 1) * batch_keys_max))
  const items = await Promise.all(batches.map((batch) => getBatch(link, batch, consistent)))
  return new Map(items.flat().map((item) => [addressOf(item), item]))
}

const getOne = async <K extends RecordKind>(link: Link, ref: Ref<K>, consistent: boolean): Promise<RecordOf<K> | undefined> => {
  const input = { TableName: link.table, Key: marshall({ pk: ref.pk, sk: ref.sk }), ConsistentRead: consistent, ...reporting(link) }
  const { Item } = await call(link, 'get', () => link.client.send(new GetItemCommand(input)))
  return Item === undefined ? undefined : recordOf(ref.kind, unmarshall(Item))
}

const getMany = async <K extends RecordKind>(link: Link, refs: readonly Ref<K>[]): Promise<readonly (RecordOf<K> | undefined)[]> => {
  const items = await getItems(link, refs)
  return refs.map((ref) => {
    const item = items.get(addressOf(ref))
    return item === undefined ? undefined : recordOf(ref.kind, item)
  })
}

/** The indexes hold keys only: their records are read from the table, and what has vanished meanwhile is left out. */
const range = async (link: Link, query: RangeQuery): Promise<RangePage> => {
  const { items: keys, ...rest } = await queryItems(link, query)
  if (query.index === 'table') return { records: keys.map(anyRecordOf), ...rest }
  const items = await getItems(link, keys)
  return {
    records: keys.flatMap((key) => {
      const item = items.get(addressOf(key))
      return item === undefined ? [] : [anyRecordOf(item)]
    }),
    ...rest,
  }
}

/** The store on one table of DynamoDB. */
export const dynamoStore = (options: DynamoOptions): Store => {
  const link: Link = {
    client: options.client,
    table: options.table,
    backoff: options.backoff ?? default_backoff,
    onCapacity: options.onCapacity,
  }
  return {
    get: (ref, { consistent = true } = {}) => getOne(link, ref, consistent),
    getMany: (refs) => getMany(link, refs),
    range: (query) => range(link, query),
    commit: (writes) => commitTo(link, writes),
  }
}
