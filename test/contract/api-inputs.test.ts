/** Inputs over HTTP: sending, listing, asking for one, and what a run's interaction and a task's batch say of them. */
import { beforeEach, expect, test } from 'vitest'
import { accept, answers, call, end, freshPlane, makeAgent, one, start, walk } from '../support/api-steps.ts'
import { endOf, finishTurn, take } from '../support/inputs.ts'
import { pending_inputs_max } from '../../shared/domain/input.ts'
import { shaped, type ApiPlane } from '../support/http.ts'

let plane: ApiPlane
beforeEach(async () => {
  ;({ plane } = await freshPlane())
})

const live = async () => {
  const agent = await makeAgent()
  const task = await accept(agent.id)
  const sandbox = await start(task.id)
  return { task, sandbox, run_id: sandbox.run_id }
}
const post = async (run_id: string, body: object) => call('POST', `/v1/runs/${run_id}/input`, { body })
const sent = async (run_id: string, body: object) => shaped(answers.sent, await post(run_id, body), 202)
const inputsOf = async (run_id: string, query = '') => shaped(answers.inputs, await call('GET', `/v1/runs/${run_id}/inputs${query}`)).items

test('an input is accepted once, and is a followup unless told otherwise', async () => {
  const { task, run_id } = await live()
  const first = await sent(run_id, { message: 'more', idempotency_key: 'k' })
  expect(first).toMatchObject({
    task: { id: task.id },
    outcome: 'queued',
    idempotent_hit: false,
    input: { seq: 1, queue_mode: 'followup', message: 'more', run_id },
  })
  expect(first.input).not.toHaveProperty('disposition')
  const again = shaped(answers.sent, await post(run_id, { idempotency_key: 'k', message: 'more' }))
  expect(again).toMatchObject({ input: { id: first.input.id }, idempotent_hit: true })
  expect(again).not.toHaveProperty('idempotency_mismatch')
  expect(shaped(answers.sent, await post(run_id, { message: 'other', idempotency_key: 'k' }))).toMatchObject({
    input: { id: first.input.id, message: 'more' },
    idempotency_mismatch: true,
  })
  expect(plane.counts.filter((name) => name === 'input_accepted')).toHaveLength(1)
})

test.each([
  ['steer-backlog', 'steer'],
  ['queue', 'followup'],
  ['collect', 'collect'],
])('%s is %s', async (name, queue_mode) => {
  const { run_id } = await live()
  expect((await sent(run_id, { message: 'x', queue_mode: name })).input.queue_mode).toBe(queue_mode)
})

test('what is pending is shown until it is consumed; what became of it can be asked for by its id', async () => {
  const { task, sandbox, run_id } = await live()
  const first = await sent(run_id, { message: 'one' })
  await sent(run_id, { message: 'two', queue_mode: 'interrupt' })
  const interaction = shaped(answers.interaction, await call('GET', `/v1/runs/${run_id}/interaction`))
  expect(interaction).toMatchObject({ state: 'working', pending_count: 2, pending_inputs: [{ id: first.input.id }, { outcome: 'interrupted' }] })
  expect(shaped(answers.batch, await call('GET', `/v1/tasks/${task.id}/events`))).toMatchObject({ pending_inputs: interaction.pending_inputs, interaction })
  const taken = await take(plane, sandbox, 1, true)
  expect(taken).toMatchObject({ how: 'interrupt', turn: 2 })
  expect(shaped(answers.input, await call('GET', `/v1/inputs/${first.input.id}`))).toMatchObject({
    disposition: { kind: 'superseded', by: taken.inputs[0]?.id },
    settled_at: expect.any(String),
  })
  expect((await inputsOf(run_id, '?state=pending')).map(({ message }) => message)).toEqual(['two'])
  expect((await inputsOf(run_id, '?state=settled')).map(({ message }) => message)).toEqual(['one'])
  await endOf(plane, sandbox, 1)
  await take(plane, sandbox, 2)
  await finishTurn(plane, sandbox, 2)
  expect(await inputsOf(run_id)).toMatchObject([{ seq: 1 }, { seq: 2, disposition: { kind: 'consumed', run_id, attempt_no: 1, turn: 2 } }])
  expect(shaped(answers.interaction, await call('GET', `/v1/runs/${run_id}/interaction`))).toMatchObject({ state: 'closed', pending_count: 0 })
})

test('a list of inputs goes on where it stopped, and is of one run', async () => {
  const { task, sandbox, run_id } = await live()
  for (const message of ['a', 'b', 'c']) await sent(run_id, { message, queue_mode: 'steer' })
  await take(plane, sandbox, 1, true)
  await finishTurn(plane, sandbox, 1)
  expect(await sent(run_id, { message: 'd' })).toMatchObject({ outcome: 'restarted', task: { state: 'queued' }, input: { seq: 4 } })
  const second = await start(task.id)
  await take(plane, second, 1)
  await finishTurn(plane, second, 1)
  expect((await inputsOf(second.run_id)).map(({ message }) => message)).toEqual(['d'])
  const all = await walk(async (cursor) => shaped(answers.inputs, await call('GET', `/v1/runs/${run_id}/inputs?limit=1${cursor}`)))
  expect(all.map(({ message }) => message)).toEqual(['a', 'b', 'c', 'd'])
})

test('a run refuses more than it keeps, and one that is told to stop refuses all, each with its code', async () => {
  const { task, sandbox, run_id } = await live()
  for (let count = 0; count < pending_inputs_max; count += 1) await sent(run_id, { message: `${count}` })
  expect(await post(run_id, { message: 'too many' })).toMatchObject({ status: 409, body: { code: 'too_many_inputs' } })
  await call('POST', `/v1/tasks/${task.id}/cancel`, { body: {} })
  expect(await post(run_id, { message: 'too late' })).toMatchObject({ status: 409, body: { code: 'illegal_state' } })
  await end(sandbox, { outcome: 'cancelled' })
  expect((await inputsOf(run_id, '?limit=200')).map(({ disposition }) => disposition)).toEqual(
    Array.from({ length: pending_inputs_max }, () => ({ kind: 'rejected', reason: 'run_cancelled' })),
  )
  expect(one(shaped(answers.runs, await call('GET', `/v1/runs?task_id=${task.id}`)).items)).toMatchObject({ status: 'cancelled' })
})
