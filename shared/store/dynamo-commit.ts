/** Commits to DynamoDB: the four kinds of write as conditional requests. */
import { randomUUID } from 'node:crypto'
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  PutItemCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import { checkCommit } from './check.ts'
import { call, failedConditions, reporting, type Link } from './dynamo-link.ts'
import { itemOf } from './items.ts'
import { duePartition } from './keys.ts'
import type { CommitResult, FieldCondition, Write } from './store.ts'

type Marshalled = Record<string, AttributeValue>

interface Expression {
  readonly ConditionExpression: string
  readonly ExpressionAttributeNames: Record<string, string>
  readonly ExpressionAttributeValues?: Marshalled
}
interface Update extends Expression {
  readonly UpdateExpression: string
}

const absent: Expression = { ConditionExpression: 'attribute_not_exists(#pk)', ExpressionAttributeNames: { '#pk': 'pk' } }
const atVersion = (version: number): Expression => ({
  ConditionExpression: '#version = :version',
  ExpressionAttributeNames: { '#version': 'version' },
  ExpressionAttributeValues: marshall({ ':version': version }),
})

const operators = { at_most: '<=', at_least: '>=', equals: '=' } as const satisfies Record<FieldCondition['is'], string>

/**
 * Conditions are simple comparisons of one field with one value, because DynamoDB does no arithmetic and compares no two
 * fields' sum in a condition. The index attribute `due_pk` comes and goes with `due_at`.
 */
const updateOf = ({ ref, change, conditions }: Extract<Write, { op: 'add_within_limit' }>): Update => {
  const add = Object.entries({ ...change.add, version: 1 })
  const set = Object.entries({ ...change.set, ...(change.set?.due_at === undefined ? {} : { due_pk: duePartition(ref.pk) }) })
  const remove = [...(change.remove ?? []), ...(change.remove?.includes('due_at') === true ? ['due_pk'] : [])]
  const sets = [...add.map(([field]) => `#${field} = #${field} + :add_${field}`), ...set.map(([field]) => `#${field} = :set_${field}`)]
  const removes = remove.length === 0 ? '' : ` REMOVE ${remove.map((field) => `#${field}`).join(', ')}`
  const fields = ['pk', ...add.map(([field]) => field), ...set.map(([field]) => field), ...remove, ...conditions.map(({ field }) => field)]
  return {
    UpdateExpression: `SET ${sets.join(', ')}${removes}`,
    ConditionExpression: ['attribute_exists(#pk)', ...conditions.map(({ field, is }, position) => `#${field} ${operators[is]} :is_${position}`)].join(' AND '),
    ExpressionAttributeNames: Object.fromEntries(fields.map((field) => [`#${field}`, field])),
    ExpressionAttributeValues: marshall({
      ...Object.fromEntries(add.map(([field, value]) => [`:add_${field}`, value])),
      ...Object.fromEntries(set.map(([field, value]) => [`:set_${field}`, value])),
      ...Object.fromEntries(conditions.map(({ value }, position) => [`:is_${position}`, value])),
    }),
  }
}

const keyOf = (ref: { readonly pk: string; readonly sk: string }) => marshall({ pk: ref.pk, sk: ref.sk })

type Request =
  | { readonly Put: { TableName: string; Item: Marshalled } & Expression }
  | { readonly Delete: { TableName: string; Key: Marshalled } & Expression }
  | { readonly Update: { TableName: string; Key: Marshalled } & Update }

const requestOf = (TableName: string, write: Write): Request => {
  switch (write.op) {
    case 'put_if_absent':
      return { Put: { TableName, Item: marshall(itemOf(write.record)), ...absent } }
    case 'replace_if_version':
      return { Put: { TableName, Item: marshall(itemOf({ ...write.record, version: write.record.version + 1 })), ...atVersion(write.record.version) } }
    case 'delete_if_version':
      return { Delete: { TableName, Key: keyOf(write.ref), ...atVersion(write.version) } }
    case 'add_within_limit':
      return { Update: { TableName, Key: keyOf(write.ref), ...updateOf(write) } }
  }
}

/**
 * A plain conditional write. It carries no request token, so when its answer is lost and the SDK repeats it, the
 * repeat meets its own write and looks like a conflict. Callers load and decide again after a conflict, so that is harmless.
 */
const sendOne = async (link: Link, request: Request): Promise<unknown> => {
  const { client } = link
  if ('Put' in request) return call(link, 'put', () => client.send(new PutItemCommand({ ...request.Put, ...reporting(link) })))
  if ('Delete' in request) return call(link, 'delete', () => client.send(new DeleteItemCommand({ ...request.Delete, ...reporting(link) })))
  return call(link, 'update', () => client.send(new UpdateItemCommand({ ...request.Update, ...reporting(link) })))
}

/** The SDK repeats a call with the token that it has, so a lost answer is no conflict here. */
const sendAll = async (link: Link, requests: readonly Request[]): Promise<unknown> =>
  call(link, 'transact_write', () =>
    link.client.send(new TransactWriteItemsCommand({ TransactItems: [...requests], ClientRequestToken: randomUUID(), ...reporting(link) })),
  )

const conflictsOf = (error: unknown): readonly number[] => {
  if (error instanceof ConditionalCheckFailedException) return [0]
  return error instanceof TransactionCanceledException ? failedConditions(error) : []
}

export const commitTo = async (link: Link, writes: readonly Write[]): Promise<CommitResult> => {
  checkCommit(writes)
  const requests = writes.map((write) => requestOf(link.table, write))
  const [only] = requests
  if (only === undefined) return { ok: true }
  try {
    await (requests.length === 1 ? sendOne(link, only) : sendAll(link, requests))
    return { ok: true }
  } catch (error) {
    const conflicts = conflictsOf(error)
    if (conflicts.length === 0) throw error
    return { ok: false, conflicts }
  }
}
