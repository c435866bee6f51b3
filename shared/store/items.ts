/** Items: records as the table keeps them, which is the record's fields beside its primary key and index attributes. */
import * as z from 'zod'
import { indexKeysOf, refOf, type Ref } from './keys.ts'
import { record_schemas, type RecordKind, type RecordOf, type StoredRecord } from './records.ts'
import type { Write } from './store.ts'
import { parseKeepingUnknown } from './unknown-fields.ts'

export type Value = string | number | boolean | null | Value[] | { [key: string]: Value }
export type Item = Record<string, Value>

/** DynamoDB refuses larger items. */
export const item_bytes_max = 400 * 1024

/** A record that the table cannot hold. A bug of the caller: what may be large goes to the bucket. */
export class ItemTooLargeError extends Error {
  constructor(key: { readonly pk: string; readonly sk: string }, bytes: number) {
    super(`the item ${key.pk} / ${key.sk} has ${bytes} bytes, the table holds at most ${item_bytes_max}`)
    this.name = 'ItemTooLargeError'
  }
}

/** A deep copy without absent fields. Throws on what DynamoDB cannot hold. */
export const plain = (value: unknown): Value => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`the table cannot hold ${value}`)
    return value
  }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object') return plainFields(value)
  throw new TypeError(`the table cannot hold a ${typeof value}`)
}

/** As `plain`, of an object. */
export const plainFields = (fields: object): Item =>
  Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, plain(value)]),
  )

const digits_per_byte = 2
/** Bytes as DynamoDB counts them (Developer Guide, "DynamoDB item sizes and formats"); a number's are rounded up. */
const valueBytes = (value: Value): number => {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (typeof value === 'number') return Math.ceil(String(value).length / digits_per_byte) + 2
  if (value === null || typeof value === 'boolean') return 1
  if (Array.isArray(value)) return value.reduce<number>((sum, element) => sum + 1 + valueBytes(element), 3)
  return fieldsBytes(value) + Object.keys(value).length + 3
}
const fieldsBytes = (fields: Item): number => Object.entries(fields).reduce<number>((sum, [key, value]) => sum + Buffer.byteLength(key) + valueBytes(value), 0)

/** Counts of usage that are zero are not stored: the schema's defaults bring them back, and a run fits in one write unit without them. */
const withoutZeros = (value: Value): Value =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).filter(([, count]) => count !== 0)) : value

const slim = (fields: Item): Item =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (name === 'usage' || name === 'live_usage') return [name, withoutZeros(value)]
      return name === 'attempt' && typeof value === 'object' && value !== null && !Array.isArray(value) ? [name, slim(value)] : [name, value]
    }),
  )

/** The item of a record. @throws ItemTooLargeError */
export const itemOf = (record: StoredRecord): Item => {
  const { pk, sk } = refOf(record)
  const item = { ...slim(plainFields(record)), pk, sk, ...plainFields(indexKeysOf(record)) }
  const bytes = fieldsBytes(item)
  if (bytes > item_bytes_max) throw new ItemTooLargeError({ pk, sk }, bytes)
  return item
}

/** Attributes that are no part of a record. */
const key_attributes: ReadonlySet<string> = new Set(['pk', 'sk', 'state_pk', 'agent_pk', 'session_pk', 'label_pk', 'list_sk', 'due_pk'])
const fieldsOf = (item: Readonly<Record<string, unknown>>): unknown => Object.fromEntries(Object.entries(item).filter(([key]) => !key_attributes.has(key)))

const schemas: { readonly [K in RecordKind]: z.ZodType<RecordOf<K>> } = record_schemas

/** The record of an item that should be of this kind, with what a later release has added to it. Throws if it is not: then somebody else wrote to the table. */
export const recordOf = <K extends RecordKind>(kind: K, item: Readonly<Record<string, unknown>>): RecordOf<K> =>
  parseKeepingUnknown(schemas[kind], fieldsOf(item))

const Kinded = z.looseObject({ kind: z.string().refine((kind): kind is RecordKind => kind in record_schemas) })
/** The record of an item of any kind. */
export const anyRecordOf = (item: Readonly<Record<string, unknown>>): StoredRecord => recordOf(Kinded.parse(item).kind, item)

/** The key of what a write touches. */
export const keyOfWrite = (write: Write): Ref => ('record' in write ? refOf(write.record) : write.ref)
