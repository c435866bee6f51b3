/**
 * `npm run operator-key -- <table> [workspace name]`: makes a workspace and its first operator key straight in the table of a deployment. The API
 * cannot make the first key, because nobody could sign that request; all others are made through it. The rights needed are
 * dynamodb:PutItem on the table, from the AWS credentials of whoever calls.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { decideCreateApiKey } from '../shared/domain/decide/api-key.ts'
import { ApiKeyId, WorkspaceId } from '../shared/domain/ids.ts'
import { timestamp } from '../shared/domain/time.ts'
import { system_clock } from '../shared/ports/clock.ts'
import { system_ids } from '../shared/ports/ids.ts'
import type { Clock, Ids } from '../shared/ports/ports.ts'
import { dynamoStore } from '../shared/store/dynamo.ts'
import type { Store } from '../shared/store/store.ts'

interface Deps {
  readonly store: Store
  readonly ids: Ids
  readonly clock: Clock
}

/** Stores a workspace and an operator key for it. @returns the key in full; it is stored nowhere */
export const makeOperatorKey = async ({ store, ids, clock }: Deps, name: string): Promise<{ readonly workspace_id: WorkspaceId; readonly key: string }> => {
  const now_ms = clock.now()
  const workspace_id = WorkspaceId.parse(ids.mint('workspace'))
  const id = ApiKeyId.parse(ids.mint('api_key'))
  const decision = decideCreateApiKey({ id, workspace_id, name: 'first operator key', role: 'operator', secret: ids.secret() }, 'operator', now_ms)
  if (!decision.ok) throw new Error(decision.detail)
  const workspace = { kind: 'workspace', id: workspace_id, name, created_at: timestamp(now_ms), version: 1 } as const
  const committed = await store.commit([{ op: 'put_if_absent', record: workspace }, ...decision.writes])
  if (!committed.ok) throw new Error('the key could not be stored: try again')
  return { workspace_id, key: decision.value.key }
}

if (import.meta.main) {
  const [table, name = 'default'] = process.argv.slice(2)
  if (table === undefined) {
    console.error('usage: npm run operator-key -- <table, the output TableName> [workspace name]')
    process.exit(2)
  }
  const store = dynamoStore({ client: new DynamoDBClient(), table })
  console.log(JSON.stringify(await makeOperatorKey({ store, ids: system_ids, clock: system_clock }, name), undefined, 2))
}
