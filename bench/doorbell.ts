/** `npm run bench:doorbell`: how long a live runner takes to see that it has something to see. See bench/README.md. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import * as z from 'zod'
import type { Client } from '../client/client.ts'
import { WorkspaceId } from '../shared/domain/ids.ts'
import { dynamoStore } from '../shared/store/dynamo.ts'
import { refs } from '../shared/store/keys.ts'
import type { Store } from '../shared/store/store.ts'
import { pause, startBenchStack, type BenchStack } from './stack.ts'
import { spread, type Spread } from './statistics.ts'

const usage = `npm run bench:doorbell [-- options]
  --cancels N   attempts that are rung and cancelled, one after the other   30
  --json        print the figures as JSON`

/** No heartbeat comes by itself while this measures. */
const heartbeat_ms = 1_800_000
const patience_ms = 60_000
const rings_each = 5

/** Says when it was told to end, by the clock that the benchmark reads too. */
const script = `trap 'date +%s%3N; exit 0' TERM; echo up; while :; do sleep 300 & wait $!; done`

const tell = (text: string) => void process.stderr.write(`${text}\n`)

const until = async <T>(what: string, ask: () => Promise<T | undefined>, every_ms: number): Promise<T> => {
  for (const deadline = Date.now() + patience_ms; Date.now() < deadline; await pause(every_ms)) {
    const found = await ask()
    if (found !== undefined) return found
  }
  throw new Error(`${what} did not come about`)
}

interface Places {
  readonly store: Store
  readonly workspace_id: WorkspaceId
  readonly api_url: string
}

const placesOf = async ({ folder }: BenchStack): Promise<Places> => {
  const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(folder, name), 'utf8'))
  const endpoints = z.looseObject({ dynamodb: z.string(), table: z.string(), api: z.string() }).parse(await read('endpoints.json'))
  const { workspace_id } = z.looseObject({ workspace_id: WorkspaceId }).parse(await read('local.json'))
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  const client = new DynamoDBClient({ endpoint: endpoints.dynamodb, region: 'us-east-1', credentials })
  return { store: dynamoStore({ client, table: endpoints.table }), workspace_id, api_url: endpoints.api }
}

const attemptOf = async ({ store, workspace_id }: Places, run_id: string) => {
  const run = await store.get(refs.run(workspace_id, run_id))
  return run?.attempt.status === 'running' ? run.attempt : undefined
}

/** From the ring to the heartbeat in the table. */
const ring = async (places: Places, run_id: string, doorbell: string): Promise<number> => {
  const before = (await attemptOf(places, run_id))?.lease_expires_at
  const sent_ms = performance.now()
  await fetch(`${places.api_url}/doorbell/@connections/${encodeURIComponent(doorbell)}`, { method: 'POST', body: 'look' })
  await until('a heartbeat', async () => ((await attemptOf(places, run_id))?.lease_expires_at === before ? undefined : true), 2)
  return performance.now() - sent_ms
}

interface Seen {
  readonly cancel_ms: number
  readonly ring_ms: readonly number[]
}

const measure = async (client: Client, places: Places, agent_id: string): Promise<Seen> => {
  const { task } = await client.tasks.accept({ agent_id, message: 'wait' })
  const run_id = await until('the run', async () => (await client.tasks.get(task.id)).target_run_id, 50)
  const doorbell = await until('the doorbell', async () => (await attemptOf(places, run_id))?.doorbell, 50)
  // The heartbeat of the new connection.
  await pause(500)
  const ring_ms: number[] = []
  for (let rings = 0; rings < rings_each; rings += 1) ring_ms.push(await ring(places, run_id, doorbell))
  const asked_ms = Date.now()
  await client.tasks.cancel(task.id)
  let told_ms = Number.NaN
  for await (const batch of client.streamTaskEvents(task.id))
    for (const { chunk_type, data } of batch.logs) if (chunk_type === 'output' && /^\d{13}\s*$/.test(data)) told_ms = Number(data)
  return { cancel_ms: told_ms - asked_ms, ring_ms }
}

const line = (what: string, { p50, p99 }: Spread, count: number): string =>
  `${what.padEnd(48)} p50 ${p50.toFixed(0)} ms   p99 ${p99.toFixed(0)} ms   (${count})`

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { cancels: { type: 'string', default: '30' }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  })
  if (values.help) return tell(usage)
  const stack = await startBenchStack({ HeartbeatMs: String(heartbeat_ms), LeaseMs: String(2 * heartbeat_ms) })
  try {
    const places = await placesOf(stack)
    const agent = await stack.client.agents.create({ agent_key: 'waiter', config: { runner: 'process', command: ['sh', '-c', script] } })
    const seen: Seen[] = []
    for (let n = 0; n < Number(values.cancels); n += 1) seen.push(await measure(stack.client, places, agent.id))
    const cancels = seen.map(({ cancel_ms }) => cancel_ms).filter((ms) => !Number.isNaN(ms))
    const rings = seen.flatMap(({ ring_ms }) => ring_ms)
    if (values.json) console.log(JSON.stringify({ cancel_ms: spread(cancels), ring_ms: spread(rings) }))
    else
      console.log(
        [
          line('cancel asked for → SIGTERM in the agent', spread(cancels), cancels.length),
          line('ring → heartbeat in the table', spread(rings), rings.length),
        ].join('\n'),
      )
  } finally {
    await stack.stop()
  }
}

await main()
