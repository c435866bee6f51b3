import { beforeEach, expect, test } from 'vitest'
import { operations } from '../../shared/contract/operations.ts'
import { accept, answers, call, end, freshPlane, getTask, makeAgent, sandboxOf, start, walk } from '../support/api-steps.ts'
import { shaped, type ApiPlane } from '../support/http.ts'

let plane: ApiPlane
beforeEach(async () => {
  ;({ plane } = await freshPlane())
})

test('a task goes through its life, and run, attempts, events, snapshots and interaction tell it', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id, { session_key: 'chat', policy: { retry: { max_attempts: 2 } } })
  const first = await start(task.id)
  expect(shaped(operations.getRunInteraction.responses[200], await call('GET', `/v1/runs/${first.run_id}/interaction`))).toMatchObject({
    state: 'working',
    active_execution_id: first.execution_id,
    pending_count: 0,
  })
  await end(first, { outcome: 'error', error: { code: 'boom', message: 'it broke', retryable: true } })
  await end(await start(task.id), { result: 'fine' })
  const run = shaped(answers.run, await call('GET', `/v1/runs/${first.run_id}`))
  expect(run).toMatchObject({
    status: 'ok',
    origin_task_id: task.id,
    session_key: 'chat',
    result: 'fine',
    attempt_no: 2,
    exec_security: 'allowlist',
    delivery: 'off',
    usage: { input_tokens: 20 },
  })
  expect(run.snapshot_ts).toBe(Date.parse(run.ended_at ?? ''))
  const { items } = shaped(answers.attempts, await call('GET', `/v1/runs/${run.id}/attempts`))
  expect(items).toMatchObject([
    { attempt_no: 1, status: 'error', strategy: 'primary', error: { code: 'boom' }, fencing_token: 1 },
    { attempt_no: 2, status: 'ok', strategy: 'retry', fencing_token: 2 },
  ])
  expect(await walk(async (cursor) => shaped(answers.attempts, await call('GET', `/v1/runs/${run.id}/attempts?limit=1${cursor}`)))).toEqual(items)
  const events = shaped(answers.events, await call('GET', `/v1/runs/${run.id}/events`)).items
  expect(events.map(({ seq, event_type, kind }) => [seq, event_type, kind])).toEqual([
    [1, 'accepted', 'lifecycle'],
    [2, 'started', 'lifecycle'],
    [3, 'retry_scheduled', 'lifecycle'],
    [4, 'started', 'lifecycle'],
    [5, 'finished', 'lifecycle'],
  ])
  expect(await walk(async (cursor) => shaped(answers.events, await call('GET', `/v1/runs/${run.id}/events?limit=1${cursor}`)))).toEqual(events)
  const snapshots = shaped(answers.snapshots, await call('GET', `/v1/runs/${run.id}/snapshots`)).items
  expect(snapshots.map(({ seq, status }) => [seq, status])).toEqual([
    [1, 'accepted'],
    [2, 'running'],
    [3, 'accepted'],
    [4, 'running'],
    [5, 'ok'],
  ])
  expect(snapshots.at(-1)).toMatchObject({ ts: run.snapshot_ts, ended_at_ms: run.snapshot_ts })
  expect(await walk(async (cursor) => shaped(answers.snapshots, await call('GET', `/v1/runs/${run.id}/snapshots?limit=2${cursor}`)))).toEqual(snapshots)
  expect(shaped(operations.getRunInteraction.responses[200], await call('GET', `/v1/runs/${run.id}/interaction`))).toMatchObject({ state: 'closed' })
  expect(await getTask(task.id)).toMatchObject({ state: 'done', target_run_id: run.id, usage: { input_tokens: 20 } })
})

test('an answer about an attempt never holds its claim token or the hash of its attempt token', async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  await plane.deliver()
  const run_id = (await getTask(task.id)).target_run_id ?? ''
  const sandbox = sandboxOf(run_id)
  const texts = async () =>
    Promise.all(['', '/attempts', '/events', '/snapshots', '/interaction'].map(async (tail) => (await call('GET', `/v1/runs/${run_id}${tail}`)).text))
  expect((await texts()).join()).not.toContain(sandbox.claim_token)
  await plane.claim(sandbox)
  const { attempt } = await plane.run(run_id)
  expect('token_hash' in attempt && attempt.token_hash).toBeTruthy()
  expect((await texts()).join()).not.toContain('token_hash' in attempt ? attempt.token_hash : '')
})

test('runs are listed by status, agent, session and task, and in any combination', async () => {
  const [agent, other] = [await makeAgent(), await makeAgent({ agent_key: 'other' })]
  const made: string[] = []
  for (let n = 0; n < 6; n += 1) {
    const task = await accept(n % 2 === 0 ? agent.id : other.id, { session_id: `s${n % 3}` })
    const sandbox = await start(task.id)
    made.push(sandbox.run_id)
    if (n < 5) await end(sandbox, n === 1 ? { outcome: 'error', error: { code: 'x', message: 'x', retryable: false } } : {})
    if (n === 0) await call('POST', `/v1/tasks/${task.id}/archive`)
    if (n !== 2) continue
    await call('POST', `/v1/tasks/${task.id}/retry`)
    const second = await start(task.id)
    made.push(second.run_id)
    await end(second)
  }
  const all = await Promise.all(made.map(async (run_id) => shaped(answers.run, await call('GET', `/v1/runs/${run_id}`))))
  const restarted = all[3]?.origin_task_id
  for (const status of [undefined, 'ok', 'error', 'running', 'accepted'])
    for (const agent_id of [undefined, agent.id])
      for (const session_id of [undefined, 's2'])
        for (const task_id of [undefined, restarted]) {
          const filter = { status, agent_id, session_id, task_id }
          const wanted = all.filter(
            (run) =>
              (status ?? run.status) === run.status &&
              (agent_id ?? run.agent_id) === run.agent_id &&
              (session_id ?? run.session_id) === run.session_id &&
              (task_id ?? run.origin_task_id) === run.origin_task_id,
          )
          const query = Object.entries(filter)
            .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
            .join('&')
          const found = await walk(async (cursor) => shaped(answers.runs, await call('GET', `/v1/runs?limit=1&${query}${cursor}`)))
          expect(
            found.map((run) => run.id),
            query,
          ).toEqual(wanted.map((run) => run.id).toReversed())
        }
})
