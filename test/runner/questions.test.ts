/** Questions of the real agent: what is asked, how an answer comes, and how an attempt parks and another goes on. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { PolicyInput } from '../../shared/domain/policy.ts'
import type { FakeCommand } from '../support/fake-assignment.ts'
import { bash, model_key, say, startHarness, type Harness } from './harness.ts'

let harness: Harness
beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.close())
beforeEach(() => harness.plane.files.clear())

const always: PolicyInput = { security: 'full', ask: 'always' }
const talk = () => harness.plane.talk
const results = () => harness.plane.seen.logs.filter((entry) => entry.chunk_type === 'tool_result').map((entry): unknown => JSON.parse(entry.data))
const asked = (count: number) => harness.plane.logged(() => talk().questions.size >= count)
const questions = () => [...talk().questions.values()]
const answer = (at: number, action: 'approve' | 'reject', reason?: string) => talk().answer(questions()[at]?.question.tool_use_id ?? '', action, reason)
const lastRequest = () => harness.model_requests.at(-1)?.body ?? ''
/** A tool that may run once only: it says how often it has. */
const once = (name: string) => bash(`echo x >> ran-${name}; wc -l < ran-${name}; echo out-${name}`)
const together = (...names: readonly string[]): string =>
  `STUB: ${JSON.stringify({ tools: names.map((name) => ({ tool: 'Bash', input: { command: `echo x >> ran-${name}; wc -l < ran-${name}; echo out-${name}`, description: 'test' } })) })}`
const run = (command: FakeCommand, act?: (stop: AbortController) => Promise<void>) => harness.run(command, act)
const patient = 60_000
/** A heartbeat is sent every 100 ms. */
const beats_of_patience = 45
const beats_of_a_look = 15

test('with `always` every use is asked, and an approved one runs', async () => {
  const { finish } = await run({ message: `m\n${once('a')}\n${once('b')}\n${say('done')}`, policy: always, question_grace_ms: patient }, async () => {
    await asked(1)
    answer(0, 'approve')
    await asked(2)
    answer(1, 'reject', 'planted-reason')
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'done', turn: 1 })
  expect(questions().map(({ asked: times, question }) => [times, question.tool, question.reason])).toEqual([
    [1, 'Bash', 'the policy of this run asks before every use of a tool'],
    [1, 'Bash', 'the policy of this run asks before every use of a tool'],
  ])
  expect(results()).toMatchObject([
    { is_error: false, content: '1\nout-a' },
    { is_error: true, content: expect.stringContaining('planted-reason') },
  ])
})

test('with `on-miss` only what the allowlist does not cover is asked', async () => {
  const command = { message: `m\n${bash('echo listed')}\n${once('a')}\n${say('done')}`, config: { allowed_tools: ['Bash(echo listed)'] } }
  const { finish } = await run({ ...command, policy: { security: 'allowlist', ask: 'on-miss' } }, async () => talk().answerAtOnce('approve'))
  expect(finish).toMatchObject({ outcome: 'ok', result: 'done' })
  expect(questions()).toHaveLength(1)
  expect(questions()[0]?.question).toMatchObject({ tool: 'Bash', reason: expect.stringContaining('not on the allowlist') })
  expect(results()).toMatchObject([{ content: 'listed' }, { content: '1\nout-a' }])
})

test('a policy that lets no tool run denies without a question', async () => {
  const { finish } = await run({ message: `m\n${once('a')}\n${say('done')}`, policy: { security: 'deny', ask: 'always' } })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'done' })
  expect(questions()).toEqual([])
})

test('what is asked holds no secret and has a bound', async () => {
  const command = `echo ${model_key}; echo password=hunter2; : ${'x'.repeat(40_000)}`
  await run({ message: `m\n${bash(command)}\n${say('done')}`, policy: always }, async () => talk().answerAtOnce('reject'))
  const input = questions()[0]?.question.input ?? ''
  expect(input).not.toMatch(/planted-model-key|hunter2/)
  expect(JSON.parse(input)).toMatchObject({ command: expect.stringContaining('more characters') })
})

test('an attempt whose question stays open parks; the next one runs the tool, once, with the files and the memory', async () => {
  const parked = await run(
    { message: `planted-first\n${once('before')}\n${once('a')}\n${say('done')}`, policy: always, question_grace_ms: 1_000 },
    async () => {
      await asked(1)
      answer(0, 'approve')
    },
  )
  expect(parked.finish).toMatchObject({ outcome: 'ok', parks: 'question', turn: 1, saved: { transcript_bytes: expect.any(Number) } })
  expect(parked.finish?.result).toBeUndefined()
  answer(1, 'approve')
  const { finish } = await run({ message: 'planted-first', policy: always, again: true })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'done', turn: 1 })
  expect(questions().map(({ asked: times }) => times)).toEqual([1, 1])
  expect(results()).toMatchObject([{ is_error: false, content: '1\nout-a' }])
  expect(lastRequest()).toContain('out-a')
  expect(lastRequest().match(/planted-first/g)).toHaveLength(1)
  expect(finish?.usage.input_tokens).toBeLessThan((parked.finish?.usage.input_tokens ?? 0) * 2)
})

test('a use that was rejected while the attempt was parked does not run, and the agent learns why', async () => {
  await run({ message: `m\n${once('a')}\n${say('done')}`, policy: always, question_grace_ms: 0 })
  expect(harness.plane.seen.finishes).toMatchObject([{ parks: 'question' }])
  answer(0, 'reject', 'planted-reason')
  const { finish } = await run({ message: 'm', policy: always, again: true })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'done' })
  expect(results()).toMatchObject([{ is_error: true }])
  expect(lastRequest()).toContain('planted-reason')
})

test('a rejected use that only reads, which the agent would allow itself, does not run either', async () => {
  const read = `STUB: ${JSON.stringify({ tool: 'Read', input: { file_path: '/workspace/planted' } })}`
  await run({ message: `m\n${bash('echo planted-content > planted')}\n${read}\n${say('done')}`, policy: always, question_grace_ms: 500 }, async () => {
    await asked(1)
    answer(0, 'approve')
  })
  expect(harness.plane.seen.finishes).toMatchObject([{ parks: 'question' }])
  answer(1, 'reject')
  const { finish } = await run({ message: 'm', policy: always, again: true })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'done' })
  expect(results()).toMatchObject([{ is_error: true, content: expect.stringContaining('it was not approved') }])
})

test('a fork of a session with an open question asks that question of its own', async () => {
  await run({ message: `m\n${once('a')}\n${say('done')}`, policy: always, question_grace_ms: 0, session_id: 'source' })
  expect(harness.plane.seen.finishes).toMatchObject([{ parks: 'question' }])
  const fork = { message: `in the fork\n${say('forked')}`, policy: always, session_id: 'fork', transcript_of: 'source' }
  const { finish } = await run(fork, async () => talk().answerAtOnce('reject'))
  expect(finish).toMatchObject({ outcome: 'ok', result: 'forked', turn: 1 })
  expect(questions()).toHaveLength(1)
  expect(results()).toMatchObject([{ is_error: true }])
})

test('an attempt that failed after the answer is followed by one that goes on, and the tool does not run again', async () => {
  await run({ message: `m\n${once('a')}\nSTUB: {"error":401}`, policy: always, question_grace_ms: 0 })
  answer(0, 'approve')
  const failed = await run({ message: 'm', policy: always, again: true })
  expect(failed.finish).toMatchObject({ outcome: 'error', turn: 1 })
  expect(results()).toMatchObject([{ content: '1\nout-a' }])
  const { finish } = await run({ message: 'm', policy: always, again: true })
  expect(finish?.turn).toBe(1)
  expect(results()).toEqual([])
})

test.each([
  [{ security: 'full', ask: 'always' }, true],
  [{ security: 'allowlist', ask: 'on-miss' }, true],
  [{ security: 'full', ask: 'on-miss' }, false],
  [{ security: 'full', ask: 'off' }, false],
] satisfies [PolicyInput, boolean][])('under %o the model is asked for one use of a tool per message: %s', async (policy, expected) => {
  await run({ message: `m\n${say('done')}`, policy })
  expect(lastRequest()).toContain('"tools":[{')
  expect(lastRequest().includes('"tool_choice":{"type":"auto","disable_parallel_tool_use":true}')).toBe(expected)
})

test('several uses in one message are each asked and each run once: the agent would keep but one, so the attempt stays', async () => {
  const { finish } = await run({ message: `m\n${together('a', 'b', 'c')}\n${say('done')}`, policy: always, question_grace_ms: 0 }, async () => {
    for (const at of [0, 1, 2]) {
      await asked(at + 1)
      answer(at, 'approve')
    }
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'done' })
  expect(finish?.parks).toBeUndefined()
  expect(questions().map(({ asked: times }) => times)).toEqual([1, 1, 1])
  expect(results()).toMatchObject([{ content: '1\nout-a' }, { content: '1\nout-b' }, { content: '1\nout-c' }])
})

test('a subagent’s use is asked, and the attempt stays for it', async () => {
  const sub = { description: 'sub', subagent_type: 'general-purpose', prompt: `sub\n${once('a')}\n${say('sub done')}`, run_in_background: false }
  const command = { message: `m\nSTUB: ${JSON.stringify({ tool: 'Agent', input: sub })}\n${say('done')}`, config: { allowed_tools: ['Agent'] } }
  const { finish } = await run({ ...command, policy: { security: 'allowlist', ask: 'on-miss' }, question_grace_ms: 0 }, async () => {
    await asked(1)
    const beats = harness.plane.seen.heartbeats.length
    await harness.plane.logged(() => harness.plane.seen.heartbeats.length > beats + beats_of_a_look)
    answer(0, 'approve')
  })
  expect(finish).toMatchObject({ outcome: 'ok', turn: 1, saved: { workspace_bytes: expect.any(Number) } })
  expect(finish?.parks).toBeUndefined()
  expect(questions().map(({ question }) => question.tool)).toEqual(['Bash'])
})

test('a stop ends an attempt with an open question, and nothing runs', async () => {
  const { finish } = await run({ message: `m\n${once('a')}\n${say('done')}`, policy: always, question_grace_ms: patient }, async () => {
    await asked(1)
    harness.plane.orderStop('cancel')
  })
  expect(finish).toMatchObject({ outcome: 'cancelled', turn: 1 })
  expect(finish?.saved?.workspace_bytes).toBeUndefined()
})

test('an interrupt gives up an open question and goes on with its message', async () => {
  const { finish } = await run({ message: `m\n${once('a')}\n${say('never')}`, policy: always, question_grace_ms: patient }, async () => {
    await asked(1)
    talk().add('interrupt', `now this\n${say('now')}`)
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'now', turn: 2 })
  expect(finish?.saved?.workspace_bytes).toBeUndefined()
})

test('with a message that waits to be taken up, the attempt does not park: the agent would forget the use for it', async () => {
  const { finish } = await run({ message: `m\n${once('a')}\n${say('done')}`, policy: always, question_grace_ms: 2_000 }, async () => {
    await asked(1)
    const beats = harness.plane.seen.heartbeats.length
    talk().add('steer', 'planted-steer')
    await harness.plane.logged(() => talk().inputs[0]?.taken !== undefined)
    // Beyond the grace and the next look, at the latest of which it would have parked.
    await harness.plane.logged(() => harness.plane.seen.heartbeats.length > beats + beats_of_patience)
    answer(0, 'approve')
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'done', turn: 1 })
  expect(results()).toMatchObject([{ content: '1\nout-a' }])
  expect(lastRequest()).toContain('planted-steer')
})
