import { afterAll, beforeAll, expect, test } from 'vitest'
import { allEnded, api, ended, request, type Api, type AttemptView } from '../support/api.ts'
import { startStack, type TestStack } from '../support/stack.ts'

let stack: TestStack
let plane: Api
beforeAll(async () => {
  stack = await startStack()
  plane = api(stack)
}, 120_000)
afterAll(async () => stack.stop(), 60_000)

const attemptsOf = async (task_ids: readonly string[]): Promise<readonly AttemptView[]> => {
  const tasks = await Promise.all(task_ids.map(async (task_id) => plane.task(task_id)))
  return (await Promise.all(tasks.map(async (task) => plane.attempts(task.target_run_id ?? '')))).flat()
}

/** The most attempts that were live at one time, from admission to end. */
const mostAtOnce = (attempts: readonly AttemptView[]): number => {
  const edges = attempts.flatMap((attempt) => [
    { at: attempt.admitted_at ?? '', step: 1 },
    { at: attempt.ended_at ?? '', step: -1 },
  ])
  edges.sort((a, b) => (a.at === b.at ? a.step - b.step : a.at < b.at ? -1 : 1))
  let live = 0
  let most = 0
  for (const edge of edges) most = Math.max(most, (live += edge.step))
  return most
}

test('200 posts of one idempotency key at once make one task, and a different body is flagged', async () => {
  const agent = await plane.createAgent('once', { runner: 'process', command: ['true'] })
  const body = { agent_id: agent.id, message: 'once', idempotency_key: 'same' }
  const answers = await Promise.all(Array.from({ length: 200 }, async () => request(stack, 'POST', '/v1/tasks', body)))
  expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200, 202]))
  expect(answers.filter((answer) => answer.status === 202)).toHaveLength(1)
  const other = await plane.accept({ ...body, message: 'other' })
  expect(other).toMatchObject({ idempotent_hit: true, idempotency_mismatch: true })
  expect(await plane.tasks(`?agent_id=${agent.id}`)).toHaveLength(1)
}, 120_000)

const priorities = ['low', 'normal', 'high', 'urgent'] as const
const rank = (priority: string): number => priorities.findIndex((one) => one === priority)

test('with a limit of 2, 60 tasks are never more than 2 at once, start by priority and then acceptance, and all end', async () => {
  const agent = await plane.createAgent('two', { runner: 'process', command: ['sh', '-c', 'read go; sleep 0.05'], concurrency: 2 })
  const gate = [
    await plane.accept({ agent_id: agent.id, message: 'hold', priority: 'urgent' }),
    await plane.accept({ agent_id: agent.id, message: 'hold', priority: 'urgent' }),
  ]
  const tasks = []
  for (let n = 0; n < 58; n += 1) tasks.push((await plane.accept({ agent_id: agent.id, message: 'go', priority: priorities[n % 4] })).task)
  const ids = [...gate.map((one) => one.task.id), ...tasks.map((task) => task.id)]
  const done = await allEnded(plane, ids, 120_000)
  expect(done.map((task) => task.state)).toEqual(ids.map(() => 'done'))
  expect(mostAtOnce(await attemptsOf(ids))).toBe(2)
  const started = new Map(done.map((task) => [task.id, task.dispatched_at ?? '']))
  const lastAccepted = tasks.at(-1)?.accepted_at ?? ''
  const inLineTogether = tasks.filter((task) => (started.get(task.id) ?? '') > lastAccepted)
  expect(inLineTogether.length).toBeGreaterThan(30)
  const order = [...inLineTogether].sort((a, b) => rank(b.priority) - rank(a.priority) || (a.id < b.id ? -1 : 1))
  const times = order.map((task) => started.get(task.id) ?? '')
  expect(times).toEqual([...times].sort())
}, 180_000)

test('30 tasks on 3 sessions: a session never has two live attempts', async () => {
  const agent = await plane.createAgent('three', { runner: 'process', command: ['true'] })
  const sessions = ['red', 'green', 'blue']
  const accepted = await Promise.all(
    Array.from({ length: 30 }, async (_, n) => plane.accept({ agent_id: agent.id, hook_id: 'h', message: 'm', session_id: sessions[n % 3] })),
  )
  const done = await allEnded(
    plane,
    accepted.map((one) => one.task.id),
    120_000,
  )
  expect(done.map((task) => task.state)).toEqual(done.map(() => 'done'))
  for (const session of sessions) {
    const attempts = await attemptsOf(done.filter((task) => task.session_id === session).map((task) => task.id))
    expect(mostAtOnce(attempts)).toBe(1)
    const tokens = attempts.map((attempt) => attempt.fencing_token)
    expect(new Set(tokens).size).toBe(10)
  }
}, 180_000)

test('a fork begins with the files of its source, and each goes on with its own', async () => {
  const agent = await plane.createAgent('journal', { runner: 'process', command: ['sh', '-c', 'cat >> journal; echo >> journal; tr "\\n" " " < journal'] })
  const command = (session_id: string, message: string) => ({ agent_id: agent.id, session_id, message, hook_id: 'h' })
  const resultOf = async (task_id: string) => (await plane.run((await ended(plane, task_id)).target_run_id ?? '')).result?.trim()
  const source = await plane.accept(command('trunk', 'one'))
  expect(await resultOf(source.task.id)).toBe('one')
  const forked = { ...command('branch', 'two'), fork_from: { session_id: 'trunk' } }
  const [fork, trunk] = [await plane.accept(forked), await plane.accept(command('trunk', 'three'))]
  const branch = await plane.accept(command('branch', 'four'))
  expect(await resultOf(fork.task.id)).toBe('one two')
  expect(await resultOf(trunk.task.id)).toBe('one three')
  expect(await resultOf(branch.task.id)).toBe('one two four')
  expect(await request(stack, 'GET', `/v1/tasks/${branch.task.id}/explain`)).toMatchObject({ body: { forked_from: { session_id: 'trunk' } } })
  expect(await request(stack, 'POST', '/v1/tasks', forked)).toMatchObject({ status: 409, body: { code: 'session_exists' } })
}, 120_000)
