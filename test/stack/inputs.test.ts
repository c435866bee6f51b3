/**
 * Many inputs from 20 clients to 10 sessions whose runners are killed at random. Each session keeps what was said to it in a file of its
 * workspace, which is saved with each turn: so it shows whether each input was consumed exactly once, and in which order.
 * `LANEKEEPER_CHAOS_INPUTS=100 npx vitest run test/stack/inputs.test.ts` says less.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { api, ended, request, until, type Api } from '../support/api.ts'
import { seeded } from '../support/seeded.ts'
import { startStack, type TestStack } from '../support/stack.ts'

let stack: TestStack
let plane: Api
beforeAll(async () => {
  stack = await startStack({ sweep_every_ms: 2_000, lease_ms: 20_000, heartbeat_ms: 500 })
  plane = api(stack)
}, 120_000)
afterAll(async () => stack.stop(), 60_000)

const inputs_max = Number(process.env['LANEKEEPER_CHAOS_INPUTS'] ?? '1000')
const clients = 20
const sessions = 10
const modes = ['followup', 'followup', 'steer', 'collect'] as const

/** Keeps what it is told; asked to show it, it says all of it in one line. */
const script = `m=$(cat); if [ "$m" = show ]; then tr '\\n' ' ' < said.txt; else printf '%s\\n' "$m" >> said.txt; fi`

const Disposition = z.discriminatedUnion('kind', [
  z.looseObject({ kind: z.literal('consumed') }),
  z.looseObject({ kind: z.literal('merged') }),
  z.looseObject({ kind: z.literal('superseded') }),
  z.looseObject({ kind: z.literal('rejected') }),
])
const Input = z.looseObject({ id: z.string(), seq: z.int(), message: z.string(), queue_mode: z.string(), disposition: Disposition.optional() })
type Input = z.infer<typeof Input>

/** Sends until it is accepted: a run that keeps enough, or an answer that was lost, is asked again with the same key. */
const say = async (run_id: string, message: string, queue_mode: string): Promise<Input> =>
  until(
    `the acceptance of ${message}`,
    async () => {
      const body = { message, queue_mode, idempotency_key: message }
      const answer = await request(stack, 'POST', `/v1/runs/${run_id}/input`, body)
      if (answer.status !== 200 && answer.status !== 202) return undefined
      return z.looseObject({ input: Input }).parse(answer.body).input
    },
    600_000,
    1_000,
  )

const inputOf = async (id: string): Promise<Input> => {
  const { body } = await request(stack, 'GET', `/v1/inputs/${id}`)
  return Input.parse(body)
}

/**
 * Kills a runner now and then, until it is told to stop. It takes all attempts that it hosts with it, so it leaves them time to save a turn:
 * a run of which twenty attempts in a row die before they do has failed, and rightly rejects what it was told.
 */
const killAtRandom = async (until_done: AbortSignal): Promise<number> => {
  const random = seeded(11)
  let killed = 0
  while (!until_done.aborted) {
    await new Promise((resolve) => setTimeout(resolve, 5_000 + random.int(10_000)))
    const pids = await stack.killRunners('SIGCONT')
    if (pids.length === 0) continue
    process.kill(random.pick(pids), 'SIGKILL')
    killed += 1
  }
  return killed
}

test(`${inputs_max} inputs of ${clients} clients to ${sessions} sessions, while runners are killed: each is consumed exactly once, in order`, async () => {
  const agent = await plane.createAgent('listener', { runner: 'process', command: ['sh', '-c', script], concurrency: sessions })
  const policy = { retry: { max_attempts: 20 } }
  const tasks = await Promise.all(
    Array.from(
      { length: sessions },
      async (_, n) => (await plane.accept({ agent_id: agent.id, message: 'begin', session_id: `s${n}`, lane: `l${n}`, policy })).task,
    ),
  )
  const runs = await Promise.all(tasks.map(async ({ id }) => until(`a run of ${id}`, async () => (await plane.task(id)).target_run_id, 60_000)))
  const done = new AbortController()
  const killer = killAtRandom(done.signal)
  const accepted: { session: number; input: Input }[] = []
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      const random = seeded(client + 1)
      for (let n = client; n < inputs_max; n += clients) {
        const session = random.int(sessions)
        accepted.push({ session, input: await say(runs[session] ?? '', `m${n}`, random.pick(modes)) })
      }
    }),
  )
  done.abort()
  expect(await killer).toBeGreaterThan(0)
  for (const { id } of tasks) expect((await ended(plane, id, 300_000)).state).toBe('done')

  expect(new Set(accepted.map(({ input }) => input.id)).size).toBe(inputs_max)
  const ends = await Promise.all(accepted.map(async ({ session, input }) => ({ session, input: await inputOf(input.id) })))
  expect(ends.filter(({ input }) => input.disposition?.kind !== 'consumed' && input.disposition?.kind !== 'merged')).toEqual([])

  for (const [session, task] of tasks.entries()) {
    await say(runs[session] ?? '', 'show', 'followup')
    await until('the showing run', async () => ((await plane.task(task.id)).state === 'done' ? true : undefined), 120_000)
    const { target_run_id } = await plane.task(task.id)
    const said = ((await plane.run(target_run_id ?? '')).result ?? '').split(/\s+/).filter((word) => word !== '')
    const own = ends.filter((one) => one.session === session).map(({ input }) => input)
    expect(said.toSorted()).toEqual(['begin', ...own.map(({ message }) => message)].toSorted())
    for (const mode of new Set<string>(modes)) {
      const in_order = own.filter(({ queue_mode }) => queue_mode === mode).toSorted((a, b) => a.seq - b.seq)
      expect(said.filter((word) => in_order.some(({ message }) => message === word))).toEqual(in_order.map(({ message }) => message))
    }
  }
}, 1_800_000)
