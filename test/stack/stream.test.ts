/** Streams of events through the whole local stack: the function URL of the template, the real handler, a reader that is cut off. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { createClient } from '../../client/client.ts'
import { api, ended, request, until } from '../support/api.ts'
import { seeded } from '../support/seeded.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { streamedOf, type Streamed } from '../support/streams.ts'

let stack: TestStack
beforeAll(async () => {
  stack = await startStack()
}, 240_000)
afterAll(async () => stack.stop(), 60_000)

interface Reading {
  readonly after?: string | undefined
  readonly key?: string
  /** Goes once so many bytes came. */
  readonly leave_after?: number
  /** The address to ask; default the API's own, which redirects. */
  readonly at?: string
}

const read = async (task_id: string, { after, key = stack.api_key, leave_after = Infinity, at = stack.api_url }: Reading = {}): Promise<Streamed> => {
  const leaving = new AbortController()
  const headers = { authorization: `Bearer ${key}`, accept: 'text/event-stream', ...(after === undefined ? {} : { 'last-event-id': after }) }
  const response = await fetch(`${at}/v1/tasks/${task_id}/events`, { headers, signal: leaving.signal })
  const bytes: Uint8Array[] = []
  let count = 0
  try {
    for await (const chunk of response.body ?? []) {
      const piece = chunk.slice(0, Math.max(0, leave_after - count))
      bytes.push(piece)
      count += chunk.length
      if (count >= leave_after) leaving.abort()
    }
  } catch (error) {
    if (!leaving.signal.aborted) throw error
  }
  return streamedOf({ statusCode: response.status, headers: Object.fromEntries(response.headers) }, Buffer.concat(bytes).toString())
}

const logsOf = (streamed: Streamed) => streamed.batches.flatMap((batch) => batch.logs.map((log) => `${log.run_id}/${log.attempt_no} ${log.seq} ${log.data}`))
const eventsOf = (streamed: Streamed) =>
  streamed.batches.flatMap((batch) => batch.run_events.map((event) => `${event.run_id} ${event.seq} ${event.event_type}`))

/** Prints for a while; the first attempt fails then. */
const script = 'for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "line $n"; sleep 0.15; done; if [ -e failed ]; then exit 0; fi; touch failed; exit 7'

test('a reader that is cut off 50 times sees all of a run, its retry and its restarts once, in order, and then the end', async () => {
  const agent = await api(stack).createAgent('speaker', { runner: 'process', command: ['sh', '-c', script] })
  const { task } = await api(stack).accept({ agent_id: agent.id, message: 'speak', policy: { retry: { max_attempts: 2 } } })
  const random = seeded(20_261_122)
  const seen: { logs: string[]; events: string[] } = { logs: [], events: [] }
  let after: string | undefined
  let cuts = 0
  for (let ends = 0; ;) {
    const streamed = await read(task.id, { after, leave_after: cuts < 50 ? 1 + random.int(4_000) : Infinity })
    seen.logs.push(...logsOf(streamed))
    seen.events.push(...eventsOf(streamed))
    after = streamed.last_id ?? after
    // It may be cut off behind the last batch of an end that it has not seen.
    if (streamed.end === undefined && streamed.status === 200) cuts += 1
    else if (ends > 0 && cuts >= 50) break
    else {
      ends += 1
      expect((await request(stack, 'POST', `/v1/tasks/${task.id}/retry`)).status).toBe(200)
    }
  }
  const runs = z.looseObject({ items: z.array(z.looseObject({ id: z.string() })) }).parse((await request(stack, 'GET', `/v1/runs?task_id=${task.id}`)).body)
  const events: string[] = []
  for (const run of runs.items.toReversed()) events.push(...(await api(stack).events(run.id)).map((event) => `${run.id} ${event.seq} ${event.event_type}`))
  const logs = (await api(stack).logs(task.id)).map((log) => `${String(log['run_id'])}/${String(log['attempt_no'])} ${String(log['seq'])} ${log.data}`)
  expect(cuts).toBeGreaterThanOrEqual(50)
  expect(runs.items.length).toBeGreaterThanOrEqual(2)
  expect(logs.filter((line) => line.includes('line 12'))).toHaveLength(runs.items.length + 1)
  expect(seen).toEqual({ logs, events })
  expect((await read(task.id, { after })).status).toBe(204)
}, 180_000)

test('health names where streams are, and there a wrong key, a foreign task and a forged id are refused before anything is streamed', async () => {
  const health = z.object({ stream_url: z.string() }).parse((await request(stack, 'GET', '/v1/health')).body)
  const at = health.stream_url
  const task_id = 'task_01ARZ3NDEKTSV4RRFFQ69G5FAV'
  const refused = async (reading: Reading) => {
    const { status, text } = await read(task_id, { at, ...reading })
    return [status, z.looseObject({ code: z.string() }).parse(JSON.parse(text)).code]
  }
  expect(await refused({ key: 'lk_wrong-wrong-wrong-wrong-wrong' })).toEqual([401, 'unauthenticated'])
  expect(await refused({})).toEqual([404, 'not_found'])
  const agent = await api(stack).createAgent('short', { runner: 'process', command: ['true'] })
  const { task } = await api(stack).accept({ agent_id: agent.id, message: 'm' })
  await ended(api(stack), task.id)
  expect((await read(task.id, { at, after: 'forged' })).status).toBe(400)
  expect((await read(task.id, { at })).end).toEqual({ task_id: task.id, state: 'done' })
})

test('the client streams, beginning where it is told, and asks for nothing in between', async () => {
  const asked: string[] = []
  const client = createClient({
    url: stack.api_url,
    key: stack.api_key,
    fetch: async (input, init) => {
      asked.push(new URL(new Request(input).url).pathname)
      return fetch(input, init)
    },
  })
  const agent = await client.agents.create({ agent_key: 'counter', config: { runner: 'process', command: ['sh', '-c', 'echo one; sleep 0.5; echo two'] } })
  const { task } = await client.tasks.accept({ agent_id: agent.id, message: 'count' })
  const batches = []
  for await (const batch of client.streamTaskEvents(task.id)) batches.push(batch)
  const said = batches.flatMap((batch) => batch.logs.map((log) => log.data.trim()))
  expect([said.slice(0, 3), batches.at(-1)?.task?.state]).toEqual([['count', 'one', 'two'], 'done'])
  const middle = batches.findIndex((batch) => batch.logs.some((log) => log.data.startsWith('one')))
  const rest = []
  for await (const batch of client.streamTaskEvents(task.id, { after: batches[middle] })) rest.push(...batch.logs.map((log) => log.data.trim()))
  expect(rest).toEqual(batches.slice(middle + 1).flatMap((batch) => batch.logs.map((log) => log.data.trim())))
  expect(asked.filter((path) => path.endsWith('/events'))).toEqual([expect.stringContaining('/function-urls/'), expect.stringContaining('/function-urls/')])
})

test('a reader that goes does not hold its function: the invocations of many who went are over', async () => {
  const agent = await api(stack).createAgent('long', { runner: 'process', command: ['sh', '-c', 'sleep 60'] })
  const { task } = await api(stack).accept({ agent_id: agent.id, message: 'm' })
  await until('the start', async () => ((await api(stack).task(task.id)).state === 'running' ? true : undefined), 30_000)
  // More than may be open at once: those that went must have made room.
  for (let round = 0; round < 22; round += 1) await Promise.all(Array.from({ length: 10 }, async () => read(task.id, { leave_after: 20 })))
  await api(stack).cancel(task.id)
  await ended(api(stack), task.id)
  expect((await read(task.id)).end?.state).toBe('cancelled')
}, 120_000)
