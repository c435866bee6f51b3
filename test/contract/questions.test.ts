/** Questions of an agent: asked, answered or not, and what becomes of the run meanwhile. */
import { beforeEach, expect, test } from 'vitest'
import { operations } from '../../shared/contract/operations.ts'
import { askQuestion } from '../../shared/flows/questions.ts'
import { heartbeat } from '../../shared/flows/runner.ts'
import { takeInputs } from '../../shared/flows/turns.ts'
import { refs } from '../../shared/store/keys.ts'
import { accept, answers, call, end, freshPlane, getTask, makeAgent, one, sandboxOf, start } from '../support/api-steps.ts'
import { shaped, type ApiPlane } from '../support/http.ts'
import { at, boom, identity, sweepAndDeliver } from '../support/looks.ts'
import { test_usage, type Sandbox } from '../support/plane.ts'

let plane: ApiPlane
beforeEach(async () => {
  ;({ plane } = await freshPlane())
})

const hour_ms = 3_600_000
const question = { tool_use_id: 'toolu_1', tool: 'Bash', input: '{"command":"rm notes.txt"}', reason: 'not on the allowlist' }
const ask = async (sandbox: Sandbox, change: object = {}) => {
  const asked = await askQuestion(plane.deps, identity(plane, sandbox), { ...question, ...change })
  if (!asked.ok) throw new Error(asked.detail)
  return asked.value
}
const answer = async (approval_id: string, body: object = { action: 'approve' }) => call('POST', `/v1/approvals/${approval_id}`, { body })
const approval = async (approval_id: string) => shaped(operations.getApproval.responses[200], await call('GET', `/v1/approvals/${approval_id}`))
const open = async () => shaped(operations.listApprovals.responses[200], await call('GET', '/v1/approvals')).items
const attemptsOf = async (run_id: string) => shaped(answers.attempts, await call('GET', `/v1/runs/${run_id}/attempts`)).items
const eventsOf = async (run_id: string) => shaped(answers.events, await call('GET', `/v1/runs/${run_id}/events`)).items
const beat = async (sandbox: Sandbox) => {
  const order = await heartbeat(plane.deps, identity(plane, sandbox), undefined)
  if (!order.ok) throw new Error(order.detail)
  return order.value
}
const explained = async (task_id: string) => shaped(operations.explainTask.responses[200], await call('GET', `/v1/tasks/${task_id}/explain`)).constraint

/** A live run whose agent may ask. */
const asking = async (body: object = {}) => {
  const agent = await makeAgent({ config: {} })
  const task = await accept(agent.id, { policy: { ask: 'on-miss' }, session_id: 's', ...body })
  return { agent, task, sandbox: await start(task.id) }
}
const park = async (sandbox: Sandbox) => end(sandbox, { outcome: 'ok', parks: 'question', saved: { transcript_bytes: 9 } })
const claimed = async (sandbox: Sandbox) => {
  const claim = await plane.claim(sandbox)
  if (!claim.ok) throw new Error(claim.detail)
  return claim.value
}

test('an answer within the grace comes with the heartbeat, and the attempt was blocked meanwhile', async () => {
  const { sandbox } = await asking()
  const { approval_id } = await ask(sandbox)
  expect(await ask(sandbox)).toEqual({ approval_id, expires_at: expect.any(String) })
  expect(one(await open())).toMatchObject({ id: approval_id, state: 'open', tool: 'Bash', run_id: sandbox.run_id })
  expect(one(await attemptsOf(sandbox.run_id)).status).toBe('blocked')
  expect((await beat(sandbox)).answers).toBeUndefined()
  expect((await answer(approval_id, { action: 'reject', reason: 'not that file' })).status).toBe(200)
  expect((await beat(sandbox)).answers).toEqual([{ approval_id, tool_use_id: 'toolu_1', action: 'reject', reason: 'not that file' }])
  expect((await ask(sandbox)).answer).toMatchObject({ action: 'reject' })
  expect(one(await attemptsOf(sandbox.run_id)).status).toBe('running')
  expect(await open()).toEqual([])
  expect(await approval(approval_id)).toMatchObject({ state: 'rejected', answer_reason: 'not that file', answered_by: expect.stringMatching(/^key_/) })
  await end(sandbox)
  expect((await eventsOf(sandbox.run_id)).map((event) => event.event_type)).toEqual([
    'accepted',
    'started',
    'approval_requested',
    'approval_resolved',
    'finished',
  ])
})

test('a parked run holds nothing, and an approval a day later goes on with it', async () => {
  ;({ plane } = await freshPlane({ question_expires_ms: 48 * hour_ms }))
  const { task, sandbox } = await asking()
  const { approval_id } = await ask(sandbox)
  await park(sandbox)
  expect(await getTask(task.id)).toMatchObject({ state: 'waiting' })
  expect(await explained(task.id)).toMatchObject({ code: 'question_open', approval_id })
  const parked = await plane.run(sandbox.run_id)
  expect(parked).toMatchObject({ status: 'accepted', parked: 'question', attempt: { status: 'ok' } })
  const instance = await plane.deps.store.get(refs.instance(plane.workspace_id, parked.class_key))
  expect([instance?.running, instance?.pending, instance?.live]).toEqual([0, 0, 0])
  for (let hours = 0; hours < 24; hours += 6) {
    plane.advance(6 * hour_ms)
    await sweepAndDeliver(plane)
  }
  expect(plane.sandboxes).toHaveLength(1)
  await answer(approval_id)
  await plane.deliver()
  const next = sandboxOf(sandbox.run_id)
  expect(next.attempt_no).toBe(2)
  expect(await claimed(next)).toMatchObject({
    begins_with: 'answer',
    turn: 1,
    answers: [{ approval_id, tool_use_id: 'toolu_1', action: 'approve' }],
    restore: { transcript_url: expect.any(String) },
  })
  expect(at(await attemptsOf(sandbox.run_id), 1)).toMatchObject({ status: 'running', strategy: 'primary' })
  await end(next)
  expect(await getTask(task.id)).toMatchObject({ state: 'done' })
  expect((await plane.run(sandbox.run_id)).questions).toBeUndefined()
})

test('a question that nobody answers counts as rejected: live with the heartbeat, parked with the sweep', async () => {
  const { sandbox } = await asking()
  const { approval_id } = await ask(sandbox)
  plane.advance(hour_ms + 1)
  expect((await beat(sandbox)).answers).toMatchObject([{ approval_id, action: 'reject' }])
  const second = await ask(sandbox, { tool_use_id: 'toolu_2' })
  await park(sandbox)
  plane.advance(hour_ms + 1)
  await sweepAndDeliver(plane)
  expect(await approval(second.approval_id)).toMatchObject({ state: 'expired' })
  expect(await answer(second.approval_id)).toMatchObject({ status: 409, body: { code: 'illegal_state' } })
  const next = await claimed(sandboxOf(sandbox.run_id))
  expect(next.answers.map((one_answer) => one_answer.action)).toEqual(['reject', 'reject'])
})

test('the same answer again changes nothing, another one is refused', async () => {
  const { sandbox } = await asking()
  const { approval_id } = await ask(sandbox)
  await answer(approval_id)
  expect((await answer(approval_id)).status).toBe(200)
  expect(await answer(approval_id, { action: 'reject' })).toMatchObject({ status: 409, body: { code: 'illegal_state', errors: [{ value: 'approve' }] } })
  expect((await eventsOf(sandbox.run_id)).filter((event) => event.event_type === 'approval_resolved')).toHaveLength(1)
})

test('the session is kept for the parked run: another task of it waits, without being looked at again and again', async () => {
  const { agent, sandbox } = await asking()
  const { approval_id } = await ask(sandbox)
  const other = await accept(agent.id, { session_id: 's', hook_id: 'hook' })
  await plane.deliver()
  await park(sandbox)
  await plane.deliver()
  expect(await explained(other.id)).toMatchObject({ code: 'session_held', run_id: sandbox.run_id })
  const before = await plane.deps.store.get(refs.session(plane.workspace_id, 's'))
  expect(before).toMatchObject({ waiting: true, parked_run_id: sandbox.run_id })
  expect(before?.due_at).toBeUndefined()
  await answer(approval_id)
  await plane.deliver()
  const next = sandboxOf(sandbox.run_id)
  expect(next.attempt_no).toBe(2)
  await claimed(next)
  await end(next)
  await plane.deliver()
  expect(await getTask(other.id)).toMatchObject({ state: 'running' })
})

test('cancelling a parked run withdraws its question and frees its session', async () => {
  const { agent, task, sandbox } = await asking()
  const { approval_id } = await ask(sandbox)
  const other = await accept(agent.id, { session_id: 's', hook_id: 'hook' })
  await plane.deliver()
  await park(sandbox)
  expect(shaped(answers.cancelled, await call('POST', `/v1/tasks/${task.id}/cancel`))).toMatchObject({ task: { state: 'cancelled' } })
  await plane.deliver()
  expect(await approval(approval_id)).toMatchObject({ state: 'withdrawn', answer_reason: 'run_cancelled' })
  expect(await answer(approval_id)).toMatchObject({ status: 409 })
  expect(await getTask(other.id)).toMatchObject({ state: 'running' })
  expect(await plane.run(sandbox.run_id)).toMatchObject({ status: 'cancelled' })
})

test('an attempt that dies with an open question takes it with it; after a park the next try asks again for the answer', async () => {
  const { sandbox } = await asking({ policy: { ask: 'always', retry: { max_attempts: 2 } } })
  const first = await ask(sandbox)
  await end(sandbox, { outcome: 'error', error: boom })
  expect(await approval(first.approval_id)).toMatchObject({ state: 'withdrawn', answer_reason: 'attempt_ended' })
  const retry = sandboxOf(sandbox.run_id)
  expect(await claimed(retry)).toMatchObject({ begins_with: 'message', answers: [] })
  const second = await ask(retry, { tool_use_id: 'toolu_2' })
  await park(retry)
  await answer(second.approval_id)
  await plane.deliver()
  const third = sandboxOf(sandbox.run_id)
  await claimed(third)
  // Tries count anew after a park: this failure is retried, and the answer is still good.
  await end(third, { outcome: 'error', error: boom })
  const fourth = sandboxOf(sandbox.run_id)
  expect(fourth.attempt_no).toBe(4)
  expect(await claimed(fourth)).toMatchObject({ begins_with: 'answer', answers: [{ tool_use_id: 'toolu_2', action: 'approve' }] })
})

test('two questions at once: the run goes on when both are answered', async () => {
  const { task, sandbox } = await asking()
  const [one_question, other] = [await ask(sandbox), await ask(sandbox, { tool_use_id: 'toolu_2' })]
  await park(sandbox)
  await answer(one_question.approval_id)
  await plane.deliver()
  expect(await getTask(task.id)).toMatchObject({ state: 'waiting' })
  await answer(other.approval_id, { action: 'reject' })
  await plane.deliver()
  expect((await claimed(sandboxOf(sandbox.run_id))).answers).toHaveLength(2)
})

test('an answer that comes while the attempt parks puts the task in line at once', async () => {
  const { task, sandbox } = await asking()
  const { approval_id } = await ask(sandbox)
  await answer(approval_id)
  await park(sandbox)
  expect(sandboxOf(sandbox.run_id).attempt_no).toBe(2)
  expect(await getTask(task.id)).toMatchObject({ state: 'running' })
})

test('parking without a question is a failure, and a question of a superseded attempt is refused', async () => {
  const { sandbox } = await asking({ policy: { ask: 'always', retry: { max_attempts: 1 } } })
  await park(sandbox)
  expect(await plane.run(sandbox.run_id)).toMatchObject({ status: 'error', error: { code: 'question_unknown' } })
  expect(await askQuestion(plane.deps, identity(plane, sandbox), question)).toMatchObject({ ok: false, code: 'attempt_superseded' })
})

test('a secret in what the tool is asked to do is not stored', async () => {
  const { sandbox } = await asking()
  const { approval_id } = await ask(sandbox, { input: '{"command":"curl -H \'Authorization: Bearer sk-ant-api03-abcdefghijklmnopqrstuvwxyz\'"}' })
  expect((await approval(approval_id)).input).not.toContain('abcdefghijklmnop')
})

test('a run that waits for input ends well when none comes for long enough', async () => {
  const { task, sandbox } = await asking()
  await end(sandbox, { outcome: 'ok', parks: 'input', usage: test_usage })
  expect(await getTask(task.id)).toMatchObject({ state: 'waiting' })
  plane.advance(plane.deps.deployment.parked_ms_max + 60_000)
  await sweepAndDeliver(plane)
  expect(await getTask(task.id)).toMatchObject({ state: 'done', usage: { model_usd: 0.01 } })
  expect(await plane.run(sandbox.run_id)).toMatchObject({ status: 'ok' })
})

test('a claim that comes again gets the same answers', async () => {
  const { sandbox } = await asking()
  const { approval_id } = await ask(sandbox)
  await park(sandbox)
  await answer(approval_id)
  await plane.deliver()
  const next = sandboxOf(sandbox.run_id)
  const [first, again] = [await claimed(next), await claimed(next)]
  expect(again.answers).toEqual(first.answers)
})

test('an input to a parked run goes on with it, by the route or as a command of its session', async () => {
  const { agent, task, sandbox } = await asking({ policy: { interactive: true } })
  await end(sandbox, { outcome: 'ok', parks: 'input', turn: 1, saved: { transcript_bytes: 9 } })
  const interaction = async () => shaped(operations.getRunInteraction.responses[200], await call('GET', `/v1/runs/${sandbox.run_id}/interaction`))
  expect((await interaction()).state).toBe('waiting_for_input')
  const sent = await call('POST', `/v1/runs/${sandbox.run_id}/input`, { body: { message: 'more' } })
  expect(sent).toMatchObject({ status: 202, body: { outcome: 'direct', task: { id: task.id } } })
  await plane.deliver()
  const next = sandboxOf(sandbox.run_id)
  expect(await claimed(next)).toMatchObject({ attempt_no: 2, begins_with: 'inputs', turn: 2, inputs_wait: true })
  await end(next, { outcome: 'ok', parks: 'input', turn: 2 })
  expect(await getTask(task.id)).toMatchObject({ state: 'running' })
  const third = sandboxOf(sandbox.run_id)
  expect(third.attempt_no).toBe(3)
  await claimed(third)
  await takeInputs(plane.deps, identity(plane, third), { turn: 3, open: false })
  await end(third, { outcome: 'ok', parks: 'input', turn: 3 })
  const command = await call('POST', '/v1/tasks', { body: { agent_id: agent.id, message: 'and more', session_id: 's', policy: { interactive: true } } })
  expect(command).toMatchObject({ status: 202, body: { task: { id: task.id }, input: { seq: 2, outcome: 'direct' } } })
  await plane.deliver()
  expect(await getTask(task.id)).toMatchObject({ state: 'running' })
})

test('what a turn had taken stays with it while it waits for an answer', async () => {
  const { sandbox } = await asking()
  await call('POST', `/v1/runs/${sandbox.run_id}/input`, { body: { message: 'look here', queue_mode: 'steer' } })
  await takeInputs(plane.deps, identity(plane, sandbox), { turn: 1, open: true })
  const { approval_id } = await ask(sandbox)
  await end(sandbox, { outcome: 'ok', parks: 'question', turn: 1, saved: { transcript_bytes: 9 } })
  await answer(approval_id)
  await plane.deliver()
  const next = sandboxOf(sandbox.run_id)
  expect(await claimed(next)).toMatchObject({ begins_with: 'answer', turn: 1, inputs_wait: false })
  expect(await takeInputs(plane.deps, identity(plane, next), { turn: 1, open: true })).toMatchObject({ value: { how: 'nothing', inputs: [] } })
  await end(next, { outcome: 'ok', turn: 1 })
  const { items } = shaped(operations.listRunInputs.responses[200], await call('GET', `/v1/runs/${sandbox.run_id}/inputs`))
  expect(one(items).disposition).toMatchObject({ kind: 'consumed', turn: 1, attempt_no: 2 })
})
