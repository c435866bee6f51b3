/** Doorbells through the whole local stack, in which no regular heartbeat comes in time. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dynamoStore } from '../../shared/store/dynamo.ts'
import { refs } from '../../shared/store/keys.ts'
import { api, ended, until } from '../support/api.ts'
import { startStack, type TestStack } from '../support/stack.ts'

let stack: TestStack
beforeAll(async () => {
  const minutes = 60_000
  stack = await startStack({ heartbeat_ms: 30 * minutes, lease_ms: 60 * minutes })
}, 240_000)
afterAll(async () => stack.stop(), 60_000)

/** The lease and the doorbell of a run, from the table. */
const seen = async (run_id: string) => {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  const client = new DynamoDBClient({ endpoint: stack.endpoints.dynamodb, region: 'us-east-1', credentials })
  const run = await dynamoStore({ client, table: stack.endpoints.table }).get(refs.run(stack.workspace_id, run_id))
  client.destroy()
  return run?.attempt.status === 'running' ? run.attempt : undefined
}

test('a runner hangs out its doorbell, and sends a heartbeat when it is rung', async () => {
  const agent = await api(stack).createAgent('sleeper', { runner: 'process', command: ['sh', '-c', 'sleep 300'] })
  const { task } = await api(stack).accept({ agent_id: agent.id, message: 'm' })
  const run_id = await until('the run', async () => (await api(stack).task(task.id)).target_run_id, 30_000)
  const hung = await until('the doorbell', async () => ((await seen(run_id))?.doorbell === undefined ? undefined : seen(run_id)), 30_000)
  const url = `${stack.api_url}/doorbell/@connections/${encodeURIComponent(hung?.doorbell ?? '')}`
  const ring = async () => (await fetch(url, { method: 'POST', body: 'look' })).status
  // The heartbeat of the connection itself may still come: what counts is that one comes for each ring.
  let lease = hung?.lease_expires_at
  for (let rings = 0; rings < 3; rings += 1) {
    expect(await ring()).toBe(200)
    lease = await until(
      'a heartbeat',
      async () => {
        const now = (await seen(run_id))?.lease_expires_at
        return now === lease ? undefined : now
      },
      30_000,
    )
  }
  await api(stack).cancel(task.id)
  expect((await ended(api(stack), task.id, 60_000)).state).toBe('cancelled')
  await until('the end of the connection', async () => ((await ring()) === 410 ? true : undefined), 30_000)
}, 180_000)

test('a doorbell is for runners: without a token there is no connection', async () => {
  const url = `${stack.api_url.replace('http', 'ws')}/doorbell`
  const outcome = await new Promise((resolve) => {
    const socket = new WebSocket(url, ['lanekeeper.doorbell', 'lkatt_nobody'])
    socket.addEventListener('open', () => resolve('open'))
    socket.addEventListener('error', () => resolve('refused'))
  })
  expect(outcome).toBe('refused')
})
