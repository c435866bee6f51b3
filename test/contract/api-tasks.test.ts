import { beforeEach, expect, test } from 'vitest'
import { operations } from '../../shared/contract/operations.ts'
import { accept, answers, call, end, freshPlane, getTask, makeAgent, one, start, walk } from '../support/api-steps.ts'
import { shaped, type ApiPlane } from '../support/http.ts'

let plane: ApiPlane
beforeEach(async () => {
  ;({ plane } = await freshPlane())
})

test('a command is accepted once: 202, then 200 with the same task, and another body is flagged', async () => {
  const agent = await makeAgent()
  const body = {
    agent_id: agent.id,
    message: 'hello',
    idempotency_key: 'k',
    policy: { security: 'full' },
    metadata: { a: 'b' },
    routing: { to: 'x', channel: '' },
  }
  const first = shaped(answers.accepted, await call('POST', '/v1/tasks', { body }), 202)
  expect(first).toMatchObject({
    idempotent_hit: false,
    task: {
      state: 'queued',
      idempotency_key: 'k',
      metadata: { a: 'b' },
      routing: { to: 'x' },
      payload: { message: 'hello', policy: { security: 'full', retry: { max_attempts: 2 } }, timeout_ms: 600_000 },
    },
  })
  const reordered = Object.fromEntries(Object.entries(body).toReversed())
  const again = shaped(answers.accepted, await call('POST', '/v1/tasks', { body: reordered }), 200)
  expect(again).toMatchObject({ idempotent_hit: true, task: { id: first.task.id } })
  expect(again.idempotency_mismatch).toBeUndefined()
  const other = shaped(answers.accepted, await call('POST', '/v1/tasks', { body: { ...body, message: 'other' } }), 200)
  expect(other).toMatchObject({ idempotent_hit: true, idempotency_mismatch: true, task: { id: first.task.id, payload: { message: 'hello' } } })
  expect(plane.counts).toEqual(['task_accepted', 'idempotent_hit', 'idempotent_hit'])
})

test('a body in base64 is read as one in plain text', async () => {
  const agent = await makeAgent()
  const answer = await call('POST', '/v1/tasks', { body: { agent_id: agent.id, message: 'grüße ✓' }, base64: true })
  expect(shaped(answers.accepted, answer, 202).task.payload.message).toBe('grüße ✓')
})

test('tasks are listed by every filter and combination, newest first, page by page', async () => {
  const [agent, other] = [await makeAgent(), await makeAgent({ agent_key: 'other' })]
  const made = []
  for (let n = 0; n < 12; n += 1)
    made.push(
      await accept(n % 2 === 0 ? agent.id : other.id, {
        session_id: `s${n % 3}`,
        label: `l${n % 4}`,
        ...(n < 3 ? { not_before: '2099-01-01T00:00:00Z' } : {}),
      }),
    )
  for (const task of [made[4], made[5], made[6]]) await call('POST', `/v1/tasks/${task?.id}/cancel`)
  for (const task of [made[5], made[6]]) await call('POST', `/v1/tasks/${task?.id}/archive`)
  const all = await Promise.all(made.map(async ({ id }) => getTask(id)))
  const states = [undefined, 'sleeping', 'queued', 'cancelled', 'running']
  const filters = states.flatMap((state) =>
    [undefined, agent.id].flatMap((agent_id) =>
      [undefined, 's1'].flatMap((session_id) =>
        [undefined, 'l2'].flatMap((label) => [false, true].map((archived) => ({ state, agent_id, session_id, label, archived }))),
      ),
    ),
  )
  for (const filter of filters) {
    const wanted = all
      .filter(
        (task) =>
          (filter.state ?? task.state) === task.state &&
          (filter.agent_id ?? task.agent_id) === task.agent_id &&
          (filter.session_id ?? task.session_id) === task.session_id &&
          (filter.label ?? task.label) === task.label &&
          filter.archived === (task.archived_at !== undefined),
      )
      .map((task) => task.id)
      .toReversed()
    const query = Object.entries(filter).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
    const found = await walk(async (cursor) => shaped(answers.tasks, await call('GET', `/v1/tasks?limit=2&${query.join('&')}${cursor}`)))
    expect(
      found.map((task) => task.id),
      query.join('&'),
    ).toEqual(wanted)
  }
})

test('cancel says what was live, works twice, and archive and retry follow the states', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  expect(await call('POST', `/v1/tasks/${task.id}/archive`)).toMatchObject({
    status: 409,
    body: { code: 'illegal_state', errors: [{ field: 'state', value: 'queued' }] },
  })
  expect(await call('POST', `/v1/tasks/${task.id}/retry`, { body: {} })).toMatchObject({ status: 409, body: { code: 'illegal_state' } })
  const sandbox = await start(task.id)
  const cancelled = shaped(answers.cancelled, await call('POST', `/v1/tasks/${task.id}/cancel`))
  expect(cancelled).toMatchObject({ task: { state: 'running' }, live: { run_id: sandbox.run_id, attempt_no: 1, status: 'running' } })
  expect(shaped(answers.attempts, await call('GET', `/v1/runs/${sandbox.run_id}/attempts`)).items).toMatchObject([
    { status: 'stopping', stop_reason: 'cancel' },
  ])
  const again = shaped(operations.cancelRun.responses[200], await call('POST', `/v1/runs/${sandbox.run_id}/cancel`))
  expect(again).toMatchObject({ run: { status: 'running' }, live: { status: 'stopping' } })
  await end(sandbox, { outcome: 'cancelled' })
  expect(shaped(answers.cancelled, await call('POST', `/v1/tasks/${task.id}/cancel`))).toMatchObject({ task: { state: 'cancelled' } })
  const archived = shaped(answers.task, await call('POST', `/v1/tasks/${task.id}/archive`))
  expect(archived.archived_at).toBeDefined()
  expect(shaped(answers.task, await call('POST', `/v1/tasks/${task.id}/archive`)).archived_at).toBe(archived.archived_at)
  const retried = shaped(answers.task, await call('POST', `/v1/tasks/${task.id}/retry`))
  expect(retried.state).toBe('queued')
  expect(retried.archived_at).toBeUndefined()
  const second = await start(task.id)
  expect(shaped(answers.run, await call('GET', `/v1/runs/${second.run_id}`))).toMatchObject({ previous_run_id: sandbox.run_id })
})

test('execution instances show their counters, health and line', async () => {
  const agent = await makeAgent({ config: { runner: 'process', command: ['true'], concurrency: 1 } })
  const tasks = [await accept(agent.id), await accept(agent.id), await accept(agent.id)]
  await plane.deliver()
  const instance = one(shaped(operations.listExecutionInstances.responses[200], await call('GET', '/v1/execution-instances')).items)
  expect(instance).toMatchObject({
    agent_id: agent.id,
    status: 'healthy',
    pending_attempts: 1,
    running_attempts: 0,
    waiting_tasks: 2,
    waiting_tasks_more: false,
    desired_dispatch_concurrency: 1,
    instance_key: tasks[0]?.execution_class_key,
  })
  expect(shaped(operations.getExecutionInstance.responses[200], await call('GET', `/v1/execution-instances/${instance.instance_key}`))).toEqual(instance)
})

test('long texts are cut in lists and said to be, and attachments are named with their size only', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id, {
    message: 'm'.repeat(5_000),
    attachments: [{ name: 'a.bin', content: Buffer.from('12345').toString('base64'), encoding: 'base64' }],
  })
  expect(task.payload).toMatchObject({ truncated: [], attachments: [{ name: 'a.bin', size_bytes: 5 }] })
  const listed = one(shaped(answers.tasks, await call('GET', '/v1/tasks')).items)
  expect(listed.payload).toMatchObject({ truncated: ['message'], message: 'm'.repeat(2_000) })
})

test('a command that is too large for the table is shown by its head', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id, { message: 'm'.repeat(400_000), attachments: [{ name: 'a.txt', content: 'abc' }] })
  expect(await getTask(task.id)).toMatchObject({ payload: { truncated: ['message'], message: 'm'.repeat(1_000), attachments: [{ name: 'a.txt' }] } })
})
