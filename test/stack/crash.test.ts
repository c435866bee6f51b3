import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { refs } from '../../shared/store/keys.ts'
import { allEnded, api, ended, until, type Api } from '../support/api.ts'
import { startStack, type TestStack } from '../support/stack.ts'

let stack: TestStack
let plane: Api
beforeAll(async () => {
  stack = await startStack({ sweep_every_ms: 2_000, lease_ms: 6_000, heartbeat_ms: 1_000 })
  plane = api(stack)
}, 120_000)
afterAll(async () => stack.stop(), 60_000)

const nothingLive = async () => {
  const instances = await plane.instances()
  return instances.every((one) => one.running_attempts + one.pending_attempts + one.stopping_attempts === 0) ? instances : undefined
}

test('kill -9 of the whole stack at five moments while 100 tasks are in flight: all end, none is missing, nothing stays locked', async () => {
  const agent = await plane.createAgent('sturdy', { runner: 'process', command: ['sh', '-c', 'sleep 0.2'], concurrency: 8 })
  const accepted: string[] = []
  const policy = { retry: { max_attempts: 10 } }
  const post = async (n: number) => {
    const body = { agent_id: agent.id, hook_id: 'h', message: `m${n}`, session_id: `s${n % 20}`, idempotency_key: `k${n}`, policy }
    const { task } = await until(`the acceptance of task ${n}`, async () => plane.accept(body), 60_000, 50)
    accepted.push(task.id)
  }
  let next = 0
  for (const pause_ms of [300, 900, 150, 1_400, 600]) {
    const posts = Array.from({ length: 20 }, async () => post((next += 1)))
    await new Promise((resolve) => setTimeout(resolve, pause_ms))
    await stack.kill9()
    await stack.restart()
    plane = api(stack)
    await Promise.all(posts)
  }
  expect(new Set(accepted).size).toBe(100)
  const tasks = await allEnded(plane, accepted, 240_000)
  expect(tasks.map((task) => task.state)).toEqual(tasks.map(() => 'done'))
  expect(await plane.tasks(`?agent_id=${agent.id}`)).toHaveLength(100)
  await until('counters at zero', nothingLive, 60_000)
  const again = await Promise.all(
    Array.from({ length: 20 }, async (_, n) => plane.accept({ agent_id: agent.id, hook_id: 'h', message: 'again', session_id: `s${n}` })),
  )
  expect(
    (
      await allEnded(
        plane,
        again.map((one) => one.task.id),
        60_000,
      )
    ).map((task) => task.state),
  ).toEqual(again.map(() => 'done'))
}, 600_000)

const liveRun = async (task_id: string) =>
  until(
    `the claim of ${task_id}`,
    async () => {
      const { target_run_id } = await plane.task(task_id)
      if (target_run_id === undefined) return undefined
      const attempts = await plane.attempts(target_run_id)
      return attempts.at(-1)?.status === 'running' ? target_run_id : undefined
    },
    30_000,
  )

test('a runner killed with kill -9 is noticed, and the run is retried by its policy', async () => {
  const agent = await plane.createAgent('killed', { runner: 'process', command: ['sh', '-c', 'test -e /workspace/once || sleep 30'] })
  const { task } = await plane.accept({ agent_id: agent.id, message: 'm', policy: { retry: { max_attempts: 3 } } })
  const run_id = await liveRun(task.id)
  await stack.killRunners('SIGKILL')
  const events = await until(
    'the retry',
    async () => {
      const seen = await plane.events(run_id)
      return seen.some((event) => event.event_type === 'retry_scheduled') ? seen : undefined
    },
    60_000,
  )
  expect(events.map((event) => event.event_type)).toContain('orphan_recovered')
  expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1))
  const attempts = await plane.attempts(run_id)
  expect(attempts[0]).toMatchObject({ status: 'error' })
  await plane.cancel(task.id)
  expect((await ended(plane, task.id)).state).toBe('cancelled')
}, 180_000)

test('a runner that stops answering is noticed by its lease, and its late word gets 409 and changes nothing', async () => {
  const agent = await plane.createAgent('silent', { runner: 'process', command: ['sh', '-c', 'sleep 12'] })
  const { task } = await plane.accept({ agent_id: agent.id, message: 'm', policy: { retry: { max_attempts: 2 } } })
  const run_id = await liveRun(task.id)
  const frozen = await stack.killRunners('SIGSTOP')
  await until('the second attempt', async () => ((await plane.attempts(run_id)).length === 2 ? true : undefined), 150_000)
  const [first] = await plane.attempts(run_id)
  expect(first).toMatchObject({ status: 'error', error: { code: 'heartbeat_lost' } })
  for (const pid of frozen) process.kill(pid, 'SIGCONT')
  await ended(plane, task.id, 90_000)
  expect((await plane.attempts(run_id))[0]).toEqual(first)
  const seqs = (await plane.events(run_id)).map((event) => event.seq)
  expect(seqs).toEqual(seqs.map((_, index) => index + 1))
}, 300_000)

const Audited = z.object({
  invariants: z.array(
    z.object({ invariant: z.int(), checked: z.int(), unsettled: z.int(), violations: z.array(z.object({ code: z.string(), key: z.string() })) }),
  ),
})
/** What an operator would type. */
const audit = () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, ['cli/main.ts', 'audit', '--json', '--data', stack.data_dir], { cwd: root, encoding: 'utf8' })
  return { status, audited: Audited.parse(JSON.parse(stdout)).invariants }
}

test('after all of this no invariant is violated, and one that is planted is found', async () => {
  const clean = audit()
  expect(clean.audited.flatMap(({ violations }) => violations)).toEqual([])
  expect(clean.audited.map(({ unsettled }) => unsettled)).toEqual(clean.audited.map(() => 0))
  expect(clean.audited.every(({ checked }) => checked > 0)).toBe(true)
  expect(clean.status).toBe(0)

  const [task] = await plane.tasks('?state=done')
  if (task === undefined) throw new Error('no task is done')
  const { pk, sk } = refs.task(stack.workspace_id, task.id)
  const { dynamodb, table } = stack.endpoints
  const client = new DynamoDBClient({ endpoint: dynamodb, region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } })
  const due = { ':due': { S: new Date().toISOString() } }
  await client.send(
    new UpdateItemCommand({ TableName: table, Key: { pk: { S: pk }, sk: { S: sk } }, UpdateExpression: 'SET due_at = :due', ExpressionAttributeValues: due }),
  )
  client.destroy()
  const planted = audit()
  expect(planted.status).toBe(1)
  expect(planted.audited.flatMap(({ violations }) => violations)).toMatchObject([{ code: 'task_over_and_due', key: `${pk} / ${sk}` }])
}, 300_000)
