/** Writes the first workspace and API key, in a thread that ends with it. */
import { workerData } from 'node:worker_threads'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { timestamp } from '../../shared/domain/time.ts'
import { ApiKey, Workspace } from '../../shared/domain/workspace.ts'
import { system_clock } from '../../shared/ports/clock.ts'
import { system_ids } from '../../shared/ports/ids.ts'
import { dynamoStore } from '../../shared/store/dynamo.ts'
import { FirstKeyWork } from './first-key.ts'

const work = FirstKeyWork.parse(workerData)
const created_at = timestamp(system_clock.now())

const workspace = Workspace.parse({ kind: 'workspace', id: work.workspace_id, name: 'local', created_at, version: 1 })
const api_key = ApiKey.parse({
  kind: 'api_key',
  id: system_ids.mint('api_key'),
  workspace_id: work.workspace_id,
  key_hash: work.key_hash,
  hint: work.hint,
  name: 'first key',
  role: 'operator',
  created_at,
  version: 1,
})

const client = new DynamoDBClient({ endpoint: work.dynamodb_url, region: work.region, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } })
const store = dynamoStore({ client, table: work.table })
// Each on its own: after a start that was cut off, one of them may be there.
for (const record of [workspace, api_key]) await store.commit([{ op: 'put_if_absent', record }])
client.destroy()
