/**
 * The first workspace and its API key: made once, at the first start, directly in the table, since there is nobody yet who could
 * ask for them over HTTP. The key is kept in the data folder, readable by its owner only.
 */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import * as z from 'zod'
import { refs } from '../../shared/store/keys.ts'
import { callAws } from '../net/aws-call.ts'

export const FirstKey = z.strictObject({ api_key: z.string(), workspace_id: z.string() })
export type FirstKey = z.infer<typeof FirstKey>

export interface KeyPlace {
  readonly folder: string
  readonly dynamodb_url: string
  readonly table: string
  readonly region: string
  readonly mintWorkspace: () => string
}

/** What the worker that writes the records is given. The SDK that the store needs leaves with it. */
export const FirstKeyWork = z.strictObject({
  dynamodb_url: z.string(),
  table: z.string(),
  region: z.string(),
  workspace_id: z.string(),
  key_hash: z.string(),
  hint: z.string(),
})
export type FirstKeyWork = z.infer<typeof FirstKeyWork>

const hashOf = (api_key: string) => createHash('sha256').update(api_key).digest('hex')

/** Complete or not there at all, and for the owner's eyes only. */
export const writePrivate = async (path: string, value: unknown) => {
  const temporary = `${path}.${process.pid}`
  await writeFile(temporary, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 })
  await rename(temporary, path)
}

const remembered = async (path: string): Promise<FirstKey | undefined> => {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : FirstKey.parse(JSON.parse(text))
}

const isStored = async (place: KeyPlace, key: FirstKey): Promise<boolean> => {
  const { pk, sk } = refs.apiKey(hashOf(key.api_key))
  const call = { service: 'dynamodb', target: 'DynamoDB_20120810.GetItem', region: place.region }
  const found = await callAws(place.dynamodb_url, call, { TableName: place.table, Key: { pk: { S: pk }, sk: { S: sk } }, ConsistentRead: true })
  return z.looseObject({ Item: z.looseObject({}).optional() }).parse(found).Item !== undefined
}

const store = async (place: KeyPlace, key: FirstKey) => {
  const work: FirstKeyWork = {
    dynamodb_url: place.dynamodb_url,
    table: place.table,
    region: place.region,
    workspace_id: key.workspace_id,
    key_hash: hashOf(key.api_key),
    hint: key.api_key.slice(0, 8),
  }
  const worker = new Worker(new URL('./first-key-worker.ts', import.meta.url), { workerData: work })
  await once(worker, 'exit')
}

/** The key that opens this stack. The same at every start. */
export const firstKey = async (place: KeyPlace): Promise<FirstKey> => {
  const path = join(place.folder, 'first-key.json')
  const known = await remembered(path)
  const key = known ?? { api_key: `lk_${randomBytes(32).toString('base64url')}`, workspace_id: place.mintWorkspace() }
  // Written first: a key that is in the table and nowhere else would be lost.
  if (known === undefined) await writePrivate(path, key)
  if (known === undefined || !(await isStored(place, key))) await store(place, key)
  return key
}
