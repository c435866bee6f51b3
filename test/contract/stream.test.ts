/** The stream of a task's events: what a reader sees that goes and comes back whenever it likes. */
import * as fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { workspace_header } from '../../shared/contract/workspaces.ts'
import { UnavailableError } from '../../shared/ports/backoff.ts'
import { operations } from '../../shared/contract/operations.ts'
import { accept, answers, call, end, entries, freshPlane, getTask, makeAgent, start, write } from '../support/api-steps.ts'
import { shaped, type ApiPlane } from '../support/http.ts'
import type { Sandbox } from '../support/plane.ts'
import { readStream, type Reading, type Streamed } from '../support/streams.ts'

let plane: ApiPlane
let key: string
beforeEach(async () => {
  ;({ plane, key } = await freshPlane())
})

const pathOf = (task_id: string) => `/v1/tasks/${task_id}/events`
const read = async (task_id: string, reading: Reading = {}) => readStream(plane, pathOf(task_id), { key, ...reading })
const datasOf = (streamed: Streamed) => streamed.batches.flatMap((batch) => batch.logs.map((log) => log.data))
const eventsOf = (streamed: Streamed) => streamed.batches.flatMap((batch) => batch.run_events.map((event) => `${event.run_id} ${event.seq}`))

const stories = ['log', 'log', 'log', 'fail', 'done', 'again'] as const
type Happening = (typeof stories)[number]

/** A task to which things happen, as far as they can. */
const makeTask = async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id, { policy: { retry: { max_attempts: 20 } } })
  let sandbox: Sandbox | undefined = await start(task.id)
  let written = 0
  // More in a row would degrade the class.
  let fails_left = 4
  const happen = async (happening: Happening): Promise<void> => {
    if (sandbox === undefined) {
      if (happening !== 'again') return
      await call('POST', `/v1/tasks/${task.id}/retry`)
      sandbox = await start(task.id)
      written = 0
    } else if (happening === 'log') {
      const more = entries(...Array.from({ length: written + 3 }, (_, n) => `${n + 1} of ${sandbox?.attempt_id}`)).slice(written)
      written += more.length
      await write(sandbox, more)
    } else if (happening === 'fail' && fails_left > 0) {
      fails_left -= 1
      await end(sandbox, { outcome: 'error', error: { code: 'x', message: 'x', retryable: true } })
      sandbox = await start(task.id)
      written = 0
    } else if (happening === 'done') {
      await end(sandbox)
      sandbox = undefined
    }
  }
  return { task, happen, isOver: () => sandbox === undefined }
}

/** All that there is to see of a task, by the routes that list it. */
const everything = async (task_id: string) => {
  const logs = shaped(answers.logs, await call('GET', `/v1/tasks/${task_id}/logs?limit=200`)).items.map((log) => log.data)
  const runs = shaped(answers.runs, await call('GET', `/v1/runs?task_id=${task_id}`)).items.toReversed()
  const events: string[] = []
  for (const run of runs)
    for (const event of shaped(answers.events, await call('GET', `/v1/runs/${run.id}/events?limit=200`)).items) events.push(`${run.id} ${event.seq}`)
  return { logs, events }
}

test('a reader that is cut off anywhere sees every entry and every event once, in order, across retries and new runs', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...stories), { minLength: 1, maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 6_000 }), { minLength: 1, maxLength: 40 }),
      async (story, cuts) => {
        ;({ plane, key } = await freshPlane())
        const { task, happen, isOver } = await makeTask()
        const left: Happening[] = [...story]
        const meanwhile = async () => happen(left.shift() ?? 'done')
        const seen: { logs: string[]; events: string[] } = { logs: [], events: [] }
        let after: string | undefined
        for (let connected = 0; connected < 500; connected += 1) {
          const streamed = await read(task.id, { after, meanwhile, leave_after: cuts[connected] ?? 1_000_000, time_ms: 13_000 })
          seen.logs.push(...datasOf(streamed))
          seen.events.push(...eventsOf(streamed))
          after = streamed.last_id ?? after
          // More may happen while the reader is away, new runs too.
          for (let away = (cuts[connected] ?? 0) % 5; away > 0 && left.length > 0 && after !== undefined; away -= 1) await meanwhile()
          // An end is one only if the next stream says so: a run may have begun behind it.
          if (streamed.status === 204 && left.length === 0 && isOver()) break
          if (streamed.end !== undefined || streamed.status === 204) await meanwhile()
        }
        expect(seen).toEqual(await everything(task.id))
        expect((await read(task.id, { after })).status).toBe(204)
      },
    ),
    {
      numRuns: 60,
      examples: [
        [
          ['done', 'log', 'again', 'done'],
          [4235, 5047],
        ],
      ],
    },
  )
}, 120_000)

test('a stream without cursors begins with the current run, says how the task ended, and then ends', async () => {
  const { task, happen } = await makeTask()
  await happen('log')
  await happen('done')
  const streamed = await read(task.id)
  expect(streamed.status).toBe(200)
  expect(plane.log_lines.at(-1)).toMatchObject({
    code: 'request_handled',
    fields: { operation: 'streamTaskEvents', status: 200, workspace_id: plane.workspace_id },
  })
  expect(streamed.headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-request-id': expect.any(String) })
  expect(streamed.events.map(({ event }) => event)).toEqual(['batch', 'end'])
  expect(streamed.end).toEqual({ task_id: task.id, state: 'done' })
  expect({ logs: datasOf(streamed), events: eventsOf(streamed) }).toEqual(await everything(task.id))
})

test('a task that never ran streams its states and its end', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  const streamed = await read(task.id, { meanwhile: async () => void (await call('POST', `/v1/tasks/${task.id}/cancel`)) })
  expect(streamed.batches.map((batch) => batch.task?.state)).toEqual(['queued', 'cancelled'])
  expect(streamed.end?.state).toBe('cancelled')
})

test('the cursors of a polled batch begin a stream behind it, of an earlier run too', async () => {
  const { task, happen } = await makeTask()
  await happen('log')
  const batch = shaped(answers.batch, await call('GET', pathOf(task.id)))
  await happen('done')
  await happen('again')
  await happen('done')
  const all = await everything(task.id)
  const query = `log_cursor=${batch.next_log_cursor}&run_event_cursor=${batch.next_run_event_cursor}`
  const streamed = await readStream(plane, `${pathOf(task.id)}?${query}&cursor_run_id=${batch.run_id}`, { key })
  expect({ logs: datasOf(streamed), events: eventsOf(streamed) }).toEqual({
    logs: all.logs.slice(batch.logs.length),
    events: all.events.slice(batch.run_events.length),
  })
})

test('a quiet stream says that it lives, and ends before its function does, with a time to come back', async () => {
  const { task } = await makeTask()
  const streamed = await read(task.id, { time_ms: 45_000 })
  expect(streamed.end).toBeUndefined()
  expect(streamed.text.match(/^: still here$/gm)).toHaveLength(3)
  expect(streamed.text).toMatch(/^retry: 1000\n\n/)
  expect(streamed.text).toMatch(/\n\nretry: 50\n\n$/)
})

test('what a reader has not taken is not read: a stuck one costs one batch, and no time beyond the stream', async () => {
  const { task, happen } = await makeTask()
  for (let n = 0; n < 30; n += 1) await happen('log')
  const reads: unknown[] = []
  const { store } = plane.deps
  const counted = {
    ...plane,
    deps: { ...plane.deps, store: { ...store, range: async (query: Parameters<typeof store.range>[0]) => (reads.push(query), store.range(query)) } },
  }
  const streamed = await readStream(counted, pathOf(task.id), { key, takes: 'nothing', meanwhile: async () => happen('log') })
  expect(streamed.end).toBeUndefined()
  expect(reads.length).toBeLessThanOrEqual(3)
})

test('a reader that came before the first run gets that one first, however many there are when it comes back', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  const { last_id } = await read(task.id, { time_ms: 10_050 })
  for (let restarts = 0; restarts < 3; restarts += 1) {
    await end(await start(task.id))
    if (restarts < 2) await call('POST', `/v1/tasks/${task.id}/retry`)
  }
  const streamed = await read(task.id, { after: last_id })
  expect({ logs: datasOf(streamed), events: eventsOf(streamed) }).toEqual(await everything(task.id))
  expect(new Set(streamed.batches.map((batch) => batch.run_id)).size).toBe(3)
})

test('a slow reader gets all in one stream', async () => {
  const { task, happen } = await makeTask()
  for (let n = 0; n < 3; n += 1) await happen('log')
  const left: Happening[] = ['log', 'log', 'log', 'done']
  const streamed = await read(task.id, { takes: 'late', time_ms: 1_000_000_000, meanwhile: async () => happen(left.shift() ?? 'done') })
  expect({ logs: datasOf(streamed), events: eventsOf(streamed) }).toEqual(await everything(task.id))
  expect(streamed.end?.state).toBe('done')
})

test('a reader that has all but the end gets the end, and then no more streams', async () => {
  const { task, happen } = await makeTask()
  await happen('done')
  const [batch] = (await read(task.id)).events
  const again = await read(task.id, { after: batch?.id })
  expect([again.status, again.batches.length, again.end?.state]).toEqual([200, 0, 'done'])
  const over = await read(task.id, { after: again.last_id })
  expect([over.status, over.text]).toEqual([204, ''])
  await happen('again')
  expect((await read(task.id, { after: again.last_id, time_ms: 10_200 })).status).toBe(200)
})

test.each([
  ['no cursor at all', 'nonsense', /^last-event-id is no cursor of this list/],
  ['a cursor of another list', Buffer.from('["runs",{}]').toString('base64url'), /^last-event-id is no cursor of this list/],
])('Last-Event-ID with %s is a 400 that says so', async (_, after, detail) => {
  const { task } = await makeTask()
  const refused = await read(task.id, { after })
  expect(refused.status).toBe(400)
  expect(refused.headers['content-type']).toBe('application/problem+json')
  expect(JSON.parse(refused.text)).toMatchObject({ code: 'invalid_request', detail: expect.stringMatching(detail), errors: [{ field: 'last-event-id' }] })
})

test('an id of another task, of a run that is not the task’s, or ahead of the run is a 400', async () => {
  const { task, happen } = await makeTask()
  await happen('log')
  const other = await accept((await getTask(task.id)).agent_id)
  const { last_id } = await read(task.id, { time_ms: 10_200 })
  const [list, position] = JSON.parse(Buffer.from(last_id ?? '', 'base64url').toString())
  const forged = (change: object) => Buffer.from(JSON.stringify([list, { ...position, ...change }])).toString('base64url')
  expect((await read(other.id, { after: last_id })).status).toBe(400)
  for (const change of [
    { task: other.id },
    { run: other.id.replace('task', 'run') },
    { seq: 99 },
    { log: { ...position.log, attempt: 2 } },
    { log: { ...position.log, run: other.id.replace('task', 'run') } },
    { more: true },
    { run: undefined },
  ]) {
    const refused = await read(task.id, { after: forged(change) })
    expect([change, refused.status, JSON.parse(refused.text).errors[0].field]).toEqual([change, 400, 'last-event-id'])
  }
  expect((await read(task.id, { after: forged({}), time_ms: 10_200 })).status).toBe(200)
})

test('who may not read is refused before anything is streamed', async () => {
  const { task } = await makeTask()
  const elsewhere = await freshPlane()
  const foreign = await elsewhere.plane.makeKey(elsewhere.plane.workspace_id, 'admin')
  const viewer = await plane.makeKey(plane.workspace_id, 'viewer')
  const statusOf = async (reading: Reading, path = pathOf(task.id)) => (await readStream(plane, path, { time_ms: 10_200, ...reading })).status
  expect(await statusOf({ key: viewer })).toBe(200)
  expect(await statusOf({})).toBe(401)
  expect(await statusOf({ key: foreign })).toBe(401)
  expect(await statusOf({ key }, pathOf('task_01ARZ3NDEKTSV4RRFFQ69G5FAV'))).toBe(404)
  expect(await statusOf({ key }, pathOf('nonsense'))).toBe(400)
  expect(await statusOf({ key }, '/v1/agents')).toBe(404)
  expect(await statusOf({ key, method: 'POST' })).toBe(405)
  expect(await statusOf({ key }, `${pathOf(task.id)}?unknown=1`)).toBe(400)
})

test('a key of another workspace does not find the task, and only an operator’s may name a workspace', async () => {
  const { task } = await makeTask()
  const operator = await plane.makeKey(plane.workspace_id, 'operator')
  const created = await call('POST', '/v1/workspaces', { key: operator, body: { name: 'other' } })
  const other = shaped(operations.createWorkspace.responses[201], created, 201)
  const foreign = await plane.makeKey(other.id, 'admin')
  expect((await read(task.id, { key: foreign })).status).toBe(404)
  const naming = { headers: { [workspace_header]: other.id } }
  expect((await read(task.id, naming)).status).toBe(403)
  expect((await read(task.id, { key: operator, ...naming })).status).toBe(404)
  expect((await read(task.id, { key: operator, time_ms: 10_200 })).status).toBe(200)
})

test('a table that does not answer is a 503 before the stream, and a stream without an end in it', async () => {
  const { task } = await makeTask()
  plane.failReads(new UnavailableError('the table', { cause: 'a test' }))
  expect((await read(task.id)).status).toBe(503)
  plane.failReads(undefined)
  const broken = await read(task.id, { meanwhile: async () => plane.failReads(new UnavailableError('the table', { cause: 'a test' })) })
  expect([broken.status, broken.events.length, broken.end]).toEqual([200, 1, undefined])
  plane.failReads(undefined)
  expect((await read(task.id, { after: broken.last_id, time_ms: 10_200 })).events).toEqual([])
})

test('the API itself sends whoever wants a stream to where streams are', async () => {
  const { task } = await makeTask()
  const sent = await call('GET', `${pathOf(task.id)}?log_cursor=0`, { headers: { accept: 'text/event-stream' } })
  expect([sent.status, sent.headers['location']]).toEqual([307, `https://stream.invalid${pathOf(task.id)}?log_cursor=0`])
  expect((await call('GET', '/v1/health')).body).toEqual({ status: 'ok', stream_url: 'https://stream.invalid' })
})
