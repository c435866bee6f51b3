import { beforeEach, expect, test } from 'vitest'
import { accept, answers, call, end, entries, freshPlane, makeAgent, start, walk, write } from '../support/api-steps.ts'
import { shaped, type ApiPlane } from '../support/http.ts'

let plane: ApiPlane
beforeEach(async () => {
  ;({ plane } = await freshPlane())
})

test("logs are those of the task's session in the order in which its attempts held it, beginning with each prompt", async () => {
  const agent = await makeAgent()
  const first = await accept(agent.id, { message: 'one', session_id: 's', policy: { retry: { max_attempts: 2 } } })
  const attempt_1 = await start(first.id)
  await write(attempt_1, entries('a1', 'a2'))
  await end(attempt_1, { outcome: 'error', error: { code: 'x', message: 'x', retryable: true } })
  const attempt_2 = await start(first.id)
  await write(attempt_2, entries('b1'))
  await end(attempt_2)
  const second = await accept(agent.id, { message: 'two', session_id: 's' })
  const other = await accept(agent.id, { message: 'elsewhere' })
  const attempt_3 = await start(second.id)
  await write(attempt_3, entries('c1', 'c2'))
  const wanted = ['one', 'a1', 'a2', 'b1', 'two', 'c1', 'c2']
  const logs = async (query: string) => shaped(answers.logs, await call('GET', `/v1/tasks/${first.id}/logs?${query}`))
  const page = await logs('cursor=0')
  expect(page.items.map((item) => item.data)).toEqual(wanted)
  expect(page.items.map((item) => item.chunk_type)).toEqual(['prompt', 'text', 'text', 'text', 'prompt', 'text', 'text'])
  expect(page.items.map((item) => item.seq)).toEqual([0, 1, 2, 1, 0, 1, 2])
  expect(page.next_cursor).toBeUndefined()
  for (const limit of [1, 2, 3, 4]) expect((await walk(async (cursor) => logs(`limit=${limit}${cursor}`))).map((item) => item.data)).toEqual(wanted)
  expect((await logs(`cursor=${page.resume_cursor}`)).items).toEqual([])
  await write(attempt_3, [{ ...entries('c3')[0], seq: 3, timestamp: 1, stream: 'agent', chunk_type: 'text', data: 'c3' }])
  expect((await logs(`cursor=${page.resume_cursor}`)).items.map((item) => item.data)).toEqual(['c3'])
  await end(attempt_3)
  expect((await logs('')).items.map((item) => item.data)).toEqual([...wanted, 'c3'])
  expect(shaped(answers.logs, await call('GET', `/v1/tasks/${other.id}/logs`)).items.map((item) => item.data)).toEqual(['elsewhere'])
})

test('a log cursor of another session starts at the beginning', async () => {
  const agent = await makeAgent()
  const [task, other] = [await accept(agent.id, { message: 'mine' }), await accept(agent.id, { message: 'other' })]
  await start(task.id)
  const theirs = shaped(answers.logs, await call('GET', `/v1/tasks/${other.id}/logs`)).resume_cursor
  expect(theirs).not.toBe('0')
  expect(shaped(answers.logs, await call('GET', `/v1/tasks/${task.id}/logs?cursor=${theirs}`)).items.map((item) => item.data)).toEqual(['mine'])
})

test('log entries behind a gap are held back until it closes, or is old', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  const sandbox = await start(task.id)
  const [one_, two, three] = entries('1', '2', '3')
  if (one_ === undefined || two === undefined || three === undefined) throw new Error('no entries')
  const seen = async () => shaped(answers.logs, await call('GET', `/v1/tasks/${task.id}/logs`)).items.map((item) => item.data)
  await write(sandbox, [one_])
  await write(sandbox, [three])
  expect(await seen()).toEqual(['hello', '1'])
  plane.advance(20_000)
  expect(await seen()).toEqual(['hello', '1', '3'])
  await write(sandbox, [two])
  expect(await seen()).toEqual(['hello', '1', '2', '3'])
})

test('batches by cursors bring what is new, and start again where the run changes', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  const batch = async (query = '') => shaped(answers.batch, await call('GET', `/v1/tasks/${task.id}/events?${query}`))
  expect(await batch()).toMatchObject({
    task: { state: 'queued' },
    logs: [],
    run_events: [],
    pending_inputs: [],
    next_log_cursor: '0',
    next_run_event_cursor: '0',
  })
  const sandbox = await start(task.id)
  await write(sandbox, entries('x', 'y'))
  const first = await batch()
  expect(first).toMatchObject({ run_id: sandbox.run_id, run: { status: 'running' }, interaction: { state: 'working' } })
  expect(first.logs.map((item) => item.data)).toEqual(['hello', 'x', 'y'])
  expect(first.run_events.map((event) => event.event_type)).toEqual(['accepted', 'started'])
  const cursors = `log_cursor=${first.next_log_cursor}&run_event_cursor=${first.next_run_event_cursor}`
  expect(await batch(`${cursors}&cursor_run_id=${first.run_id}`)).toMatchObject({ logs: [], run_events: [] })
  await end(sandbox)
  expect((await batch(`${cursors}&cursor_run_id=${first.run_id}`)).run_events.map((event) => event.event_type)).toEqual(['finished'])
  await call('POST', `/v1/tasks/${task.id}/retry`)
  const second = await start(task.id)
  for (const query of [`${cursors}&cursor_run_id=${first.run_id}`, '', `log_cursor=${first.next_log_cursor}&run_event_cursor=3`]) {
    const restarted = await batch(query)
    expect(restarted.run_id).toBe(second.run_id)
    expect(restarted.logs.map((item) => item.data)).toEqual(['hello'])
    expect(restarted.run_events.map((event) => event.seq)).toEqual([1, 2])
  }
})
