/**
 * Cancel at 200 moments of a run's life, each drawn by a seed: asleep, in line, admitted, starting, running, finishing, between two attempts.
 * Whatever the moment, the run ends cancelled unless it had ended before, no attempt starts afterwards, compute is gone, and usage is kept.
 */
import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allEnded, api, request, until, type Api } from '../support/api.ts'
import { seeded, type Seeded } from '../support/seeded.ts'
import { startStack, type TestStack } from '../support/stack.ts'

let stack: TestStack
let plane: Api
beforeAll(async () => {
  stack = await startStack({ sweep_every_ms: 2_000, parameters: { FailedAttemptThreshold: '100000' } })
  plane = api(stack)
}, 120_000)
afterAll(async () => stack.stop(), 60_000)

const lives_count = 200
const at_once = 10
/** Only the agents of this test sleep for so long, so that they are found among all processes. */
const long_sleep = '98765'
/** A life by the message: one that goes on until it is stopped, one that ends soon, one that fails and is retried later, one that fails and is retried at once. */
const script = `read life; case $life in long) exec sleep ${long_sleep};; quick) exec sleep 0.2;; *) exit 1;; esac`
const lives = ['long', 'long', 'quick', 'quick', 'fails', 'fails-at-once', 'later'] as const
type Life = (typeof lives)[number]

const bodyOf = (agent_id: string, life: Life, random: Seeded) => ({
  agent_id,
  idempotency_key: `life-${random.next()}`,
  message: `${life}\n`,
  ...(life === 'later' ? { not_before: new Date(Date.now() + 3_600_000).toISOString() } : {}),
  policy: { retry: life === 'fails-at-once' ? { max_attempts: 10 } : { max_attempts: 2, delay_ms: 3_600_000 } },
})

const Cancelled = z.looseObject({
  task: z.looseObject({ id: z.string(), state: z.string(), target_run_id: z.string().optional() }),
  live: z.looseObject({ status: z.string() }).optional(),
})
interface Moment {
  readonly life: Life
  readonly task_id: string
  readonly run_id: string | undefined
  /** What the cancel met: the state of the task, or of its live attempt. */
  readonly met: string
  /** The task was over before. */
  readonly was_over: boolean
  readonly answered_at: number
}

const over = ['done', 'error', 'dropped']
const pause = async (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
/** Half of the moments come soon after something was seen to happen, so that no state depends on how fast the machine is. */
const awaited: Readonly<Record<Life, string | undefined>> = {
  long: 'running',
  quick: 'running',
  fails: 'sleeping',
  'fails-at-once': 'running',
  later: undefined,
}

const liveAndCancel = async (agent_id: string, life: Life, random: Seeded): Promise<Moment> => {
  const wait_ms = random.int(1_500)
  const soon_ms = random.int(400)
  const sees = random.chance(0.5) ? awaited[life] : undefined
  const posted = bodyOf(agent_id, life, random)
  const { task } = await until('an accepted task', async () => plane.accept(posted), 30_000)
  if (sees === undefined) await pause(wait_ms)
  else {
    await until(
      `${sees} of ${task.id}`,
      async () => {
        const { state } = await plane.task(task.id)
        return state === sees || over.includes(state) ? true : undefined
      },
      60_000,
      500,
    )
    await pause(soon_ms)
  }
  const before = await until('the task', async () => plane.task(task.id), 30_000)
  // A machine that is busy answers 503; then nothing is promised yet.
  const { cancelled, answered_at } = await until(
    'the answer to a cancel',
    async () => {
      const { status, body } = await request(stack, 'POST', `/v1/tasks/${task.id}/cancel`, {})
      return status === 200 ? { cancelled: Cancelled.parse(body), answered_at: Date.now() } : undefined
    },
    30_000,
  )
  const was_over = over.includes(cancelled.task.state)
  return { life, task_id: task.id, run_id: cancelled.task.target_run_id, met: cancelled.live?.status ?? before.state, was_over, answered_at }
}

const Used = z.looseObject({ usage: z.looseObject({ compute_seconds: z.number() }) })
const usedBy = async (path: string): Promise<number> => Used.parse((await request(stack, 'GET', path)).body).usage.compute_seconds

/** What is wrong with one life after it was cancelled. */
const wrongs = async ({ task_id, run_id, life, met, was_over, answered_at }: Moment): Promise<readonly string[]> => {
  const name = `${life} ${task_id}, cancelled while ${met}`
  const task = await plane.task(task_id)
  const found = was_over || task.state === 'cancelled' ? [] : [`${name}: the task is ${task.state}`]
  if (task.target_run_id === undefined) return found
  const [run, attempts] = await Promise.all([plane.run(task.target_run_id), plane.attempts(task.target_run_id)])
  if (!was_over && run.status !== 'cancelled') found.push(`${name}: the run is ${run.status}`)
  if (run_id !== undefined && run_id !== task.target_run_id) found.push(`${name}: another run came`)
  const late = attempts.flatMap(({ admitted_at, started_at }) => [admitted_at, started_at]).filter((at) => at !== undefined && Date.parse(at) > answered_at)
  if (late.length > 0) found.push(`${name}: an attempt started at ${late.join()}, after ${new Date(answered_at).toISOString()}`)
  const used = attempts.map((attempt) => Used.parse(attempt).usage.compute_seconds)
  for (const [index, { started_at, ended_at }] of attempts.entries())
    if (started_at !== undefined && ended_at !== undefined && ended_at > started_at && used[index] === 0)
      found.push(`${name}: the use of attempt ${index + 1} is lost`)
  const sum = used.reduce((total, one) => total + one, 0)
  for (const path of [`/v1/runs/${task.target_run_id}`, `/v1/tasks/${task_id}`]) {
    const said = await usedBy(path)
    if (Math.abs(said - sum) > 1e-6) found.push(`${name}: ${path} says ${said} s, its attempts ${sum} s`)
  }
  return found
}

const sleepers = async (): Promise<number> => {
  const commands = await Promise.all((await stack.processes()).map(async (pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return commands.filter((command) => command === `sleep\0${long_sleep}\0`).length
}

test(`cancel at ${lives_count} moments wins, and leaves nothing behind`, { timeout: 180_000 }, async () => {
  const seed = process.env.LANEKEEPER_SEED === 'random' ? Date.now() % 1_000_000 : Number(process.env.LANEKEEPER_SEED ?? 20_261_122)
  const random = seeded(seed)
  const agent = await plane.createAgent('mortal', { runner: 'process', command: ['sh', '-c', script], concurrency: 16 })
  const met: Moment[] = []
  let begun = 0
  /** Of those that had ended before, another takes the place. */
  const alive = () => met.filter(({ was_over }) => !was_over).length
  const live = async () => {
    while (alive() < lives_count) {
      begun += 1
      met.push(await liveAndCancel(agent.id, random.pick(lives), seeded(seed + begun)))
    }
  }
  await Promise.all(Array.from({ length: at_once }, live))
  await allEnded(
    plane,
    met.map(({ task_id }) => task_id),
    60_000,
  )
  const counts = Object.fromEntries([...Map.groupBy(met, (moment) => moment.met)].map(([state, some]) => [state, some.length]))
  console.log(`LANEKEEPER_SEED=${seed} met ${JSON.stringify(counts)}`)
  const found = []
  for (const moment of met) found.push(...(await wrongs(moment)))
  expect(found, `LANEKEEPER_SEED=${seed}`).toEqual([])
  expect(Object.keys(counts)).toEqual(expect.arrayContaining(['sleeping', 'running']))
  expect(alive()).toBeGreaterThanOrEqual(lives_count)
  await until('the end of every agent', async () => ((await sleepers()) === 0 ? true : undefined), 30_000)
  await until(
    'empty counters',
    async () => ((await plane.instances()).every((one) => one.running_attempts + one.pending_attempts + one.stopping_attempts === 0) ? true : undefined),
    10_000,
  )
})

const Tokens = z.looseObject({ usage: z.looseObject({ input_tokens: z.number(), output_tokens: z.number(), model_usd: z.number() }) })

test('what an agent has used of its model until it is cancelled is in its attempt, its run and its task', async () => {
  const agent = await plane.createAgent('thinker', { runner: 'claude_code', allowed_tools: ['Bash'] })
  const thought = { tool: 'Bash', input: { command: 'tail -f /dev/null', description: 'takes long' }, usage: { input_tokens: 4_000, output_tokens: 300 } }
  const { task } = await plane.accept({ agent_id: agent.id, message: `think\nSTUB: ${JSON.stringify(thought)}` })
  const working = async () => ((await plane.logs(task.id)).some(({ chunk_type }) => chunk_type === 'tool_call') ? true : undefined)
  await until('the tool', working, 60_000)
  await plane.cancel(task.id)
  const [ended] = await allEnded(plane, [task.id], 60_000)
  const run_id = ended?.target_run_id ?? ''
  const [attempt] = (await plane.attempts(run_id)).map((one) => Tokens.parse(one))
  expect({ state: ended?.state, usage: attempt?.usage }).toMatchObject({ state: 'cancelled', usage: { input_tokens: 4_000, output_tokens: 300 } })
  expect(attempt?.usage.model_usd).toBeGreaterThan(0)
  for (const path of [`/v1/runs/${run_id}`, `/v1/tasks/${task.id}`])
    expect(Tokens.parse((await request(stack, 'GET', path)).body).usage).toEqual(attempt?.usage)
})
