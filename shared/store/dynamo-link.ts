/** One table of DynamoDB: the client, what is noise, and what each call consumed. */
import { TransactionCanceledException, type ConsumedCapacity, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { retried, type Backoff } from '../ports/backoff.ts'

/** What a call consumed, as DynamoDB reports it. A write whose condition failed is charged too, but not reported. */
export interface CapacityUse {
  readonly operation: Operation
  readonly read_units: number
  readonly write_units: number
}
export type Operation = 'get' | 'batch_get' | 'query' | 'put' | 'delete' | 'update' | 'transact_write'

export interface Link {
  readonly client: DynamoDBClient
  readonly table: string
  readonly backoff: Backoff
  readonly onCapacity?: ((use: CapacityUse) => void) | undefined
}

const noise_names: ReadonlySet<string> = new Set([
  'TransactionConflictException',
  'TransactionInProgressException',
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
])
const noise_reasons: ReadonlySet<string> = new Set(['TransactionConflict', 'ProvisionedThroughputExceeded', 'ThrottlingError'])

/** The positions of a cancelled transaction whose condition failed. */
export const failedConditions = (error: TransactionCanceledException): readonly number[] =>
  (error.CancellationReasons ?? []).flatMap((reason, position) => (reason.Code === 'ConditionalCheckFailed' ? [position] : []))

/**
 * Whether an error says nothing about the data: try again. A cancelled transaction is noise if no condition failed and
 * another transaction or throttling was in its way.
 */
export const isNoise = (error: unknown): boolean => {
  if (error instanceof TransactionCanceledException)
    return failedConditions(error).length === 0 && (error.CancellationReasons ?? []).some(({ Code = '' }) => noise_reasons.has(Code))
  return error instanceof Error && noise_names.has(error.name)
}

const writing: ReadonlySet<Operation> = new Set(['put', 'delete', 'update', 'transact_write'])

/** Reads of a transaction's conditions are part of its write units. */
const useOf = (operation: Operation, consumed: readonly ConsumedCapacity[]): CapacityUse => {
  const units = consumed.reduce((total, { CapacityUnits = 0 }) => total + CapacityUnits, 0)
  return writing.has(operation) ? { operation, read_units: 0, write_units: units } : { operation, read_units: units, write_units: 0 }
}

/** Calls, repeats on noise, and reports what was consumed to whoever listens. */
export const call = async <T extends { ConsumedCapacity?: ConsumedCapacity | ConsumedCapacity[] | undefined }>(
  link: Link,
  operation: Operation,
  send: () => Promise<T>,
): Promise<T> => {
  const output = await retried(link.backoff, 'the table', isNoise, send)
  if (link.onCapacity !== undefined) link.onCapacity(useOf(operation, [output.ConsumedCapacity ?? []].flat()))
  return output
}

/** DynamoDB reports consumption only when asked to. */
export const reporting = (link: Link): { readonly ReturnConsumedCapacity?: 'TOTAL' } =>
  link.onCapacity === undefined ? {} : { ReturnConsumedCapacity: 'TOTAL' }
