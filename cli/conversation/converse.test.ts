import { expect, test } from 'vitest'
import { startFakeApi } from '../../client/testing/fake-api.ts'
import { sample_ids } from '../../client/testing/samples.ts'
import { exit_codes } from '../io.ts'
import { runOn, type World } from '../testing/run-on.ts'
import type { Keys } from '../testing/typist.ts'
import { stop_message } from './talk.ts'

/** A fake API of the test's own, so that conversations can be held side by side. */
const fakeApi = async (onTestFinished: (end: () => Promise<void>) => void) => {
  const fake = await startFakeApi()
  onTestFinished(async () => fake.close())
  return {
    seen: fake.seen,
    inputs: () => fake.seen.filter(({ id }) => id === 'sendRunInput').map(({ body }) => body),
    lanekeeper: async (line: readonly string[], world: World) => runOn(fake, line, world),
  }
}

const start = ['run', 'sentinel:talk', '--agent', 'demo', '--interactive']
const type = (after: string, line: string): Keys => ({ after, keys: { line } })

test.concurrent('someone types: what is said is sent, what is asked is answered in place, and Ctrl-D leaves', async ({ onTestFinished }) => {
  const { seen, inputs, lanekeeper } = await fakeApi(onTestFinished)
  const { code, out, err } = await lanekeeper(start, {
    typed: [
      type('What else?\n› ', 'a title'),
      type('You said a title\n› ', 'sentinel:asks'),
      type('allow it? y, n, or n and why › ', 'no, it is needed'),
      type('Then I do not.\n› ', '/frob'),
      type('there is no /frob', '/steer and a dot'),
      { after: 'You said and a dot\n› ', keys: 'ctrl-d' },
    ],
  })
  expect(seen.find(({ id }) => id === 'acceptAgentCommand')?.body).toMatchObject({ message: 'sentinel:talk', policy: { interactive: true } })
  expect(inputs()).toMatchObject([
    { message: 'a title', queue_mode: 'followup' },
    { message: 'sentinel:asks', queue_mode: 'followup' },
    { message: 'and a dot', queue_mode: 'steer' },
  ])
  expect(out).toMatch(/\? the agent asks for permission\n *tool +Bash\n *input +\{"command":"rm notes.txt"\}\n *because +Bash is not on the allowlist/)
  expect(seen.find(({ id }) => id === 'answerApproval')).toMatchObject({
    params: { approval_id: sample_ids.approval },
    body: { action: 'reject', reason: 'it is needed' },
  })
  expect(out).not.toMatch(/waiting|turn \d begins|lanekeeper approve/)
  expect(err).toContain(`attach --interactive ${sample_ids.task}`)
  expect(code).toBe(exit_codes.done)
})

test.concurrent('a pipe: each line is a message, in order, and it is left when the last is answered', async ({ onTestFinished }) => {
  const { seen, inputs, lanekeeper } = await fakeApi(onTestFinished)
  const { code, out } = await lanekeeper(['run', '--agent', 'demo', '-i'], { stdin: '\nsentinel:talk\none\n/cancel\n' })
  expect(code).toBe(exit_codes.done)
  expect(inputs()).toMatchObject([{ message: 'one' }, { message: '/cancel' }])
  expect(out).toMatch(/What else\?\n› one\nYou said one\n› \/cancel\nYou said \/cancel\n$/)
  expect(seen.some(({ id }) => id === 'cancelTask')).toBe(false)
})

test.concurrent('a run that parks and comes back says nothing of it', async ({ onTestFinished }) => {
  const { lanekeeper } = await fakeApi(onTestFinished)
  const { out } = await lanekeeper(start, { stdin: 'sentinel:parks\nand then\n' })
  expect(out).toMatch(/What else\?\n› sentinel:parks\nYou said sentinel:parks\n› and then\nYou said and then\n$/)
})

test.concurrent('Ctrl-C stops the turn that goes on; again, it leaves', async ({ onTestFinished }) => {
  const { inputs, lanekeeper } = await fakeApi(onTestFinished)
  const { code, err } = await lanekeeper(['run', 'sentinel:endless', '--agent', 'demo', '-i'], {
    typed: [
      { after: '● running', keys: 'ctrl-c' },
      { after: 'stopping the turn', keys: 'ctrl-c' },
    ],
  })
  expect(inputs()).toMatchObject([{ message: stop_message, queue_mode: 'interrupt' }])
  expect(err).toContain('Detached. It goes on.')
  expect(code).toBe(exit_codes.detached)
})

test.concurrent('/cancel ends the task, and its end is the end of the command', async ({ onTestFinished }) => {
  const { lanekeeper } = await fakeApi(onTestFinished)
  const { code, out } = await lanekeeper(start, { typed: [type('What else?', '/help'), type('/steer <text>', '/cancel')] })
  expect(out).toContain('■ cancelled')
  expect(code).toBe(exit_codes.cancelled)
})

test.concurrent('a message that is refused is told, and the conversation goes on; a pipe ends with it', async ({ onTestFinished }) => {
  const { lanekeeper } = await fakeApi(onTestFinished)
  const typed = [type('What else?', 'sentinel:refused'), { after: '✗ not sent: too_many_inputs', keys: 'ctrl-d' }] as const
  expect(await lanekeeper(start, { typed })).toMatchObject({ code: exit_codes.done })
  const piped = await lanekeeper(start, { stdin: 'sentinel:refused\n' })
  expect(piped).toMatchObject({ code: exit_codes.failed, err: expect.stringContaining('too_many_inputs') })
})

test.concurrent('a task that failed begins anew with what is typed; for a pipe it is over', async ({ onTestFinished }) => {
  const { inputs, lanekeeper } = await fakeApi(onTestFinished)
  const line = ['run', 'sentinel:error', '--agent', 'demo', '-i']
  const { code, out } = await lanekeeper(line, { typed: [type('A message begins it anew', 'try again'), { after: 'anew', keys: 'ctrl-d' }] })
  expect(inputs()).toMatchObject([{ message: 'try again' }])
  expect(out).toContain('✗ error after')
  expect(code).toBe(exit_codes.failed)
  expect(await lanekeeper(line, { stdin: 'never sent\n' })).toMatchObject({ code: exit_codes.failed })
  expect(inputs()).toHaveLength(1)
})

test.concurrent('--json prints a document a line, whoever types, and answers nothing', async ({ onTestFinished }) => {
  const { lanekeeper } = await fakeApi(onTestFinished)
  const { out } = await lanekeeper([...start, '--json'], { stdin: 'one\n', typed: [] })
  const lines = out.trimEnd().split('\n')
  expect(lines.map((line) => Object.keys(JSON.parse(line))[0])).toEqual(expect.arrayContaining(['task', 'task_id']))
  expect(lines.filter((line) => line.includes('You said one'))).toHaveLength(1)
})

test.concurrent('attach takes a conversation up again, with the question that is open', async ({ onTestFinished }) => {
  const { seen, lanekeeper } = await fakeApi(onTestFinished)
  await lanekeeper(['run', 'sentinel:talk', '--agent', 'demo', '--detach', '-i'], {})
  expect(seen.at(-1)?.body).toMatchObject({ policy: { interactive: true } })
  const { code, out } = await lanekeeper(['attach', sample_ids.task, '--interactive'], {
    typed: [type('allow it?', 'y'), { after: 'Then I do it.\n› ', keys: 'ctrl-c' }],
  })
  expect(out).not.toContain('What else?')
  expect(code).toBe(exit_codes.done)
})

test.concurrent('nothing begins without a first message', async ({ onTestFinished }) => {
  const { seen, lanekeeper } = await fakeApi(onTestFinished)
  for (const keys of ['ctrl-d', 'ctrl-c', { line: '/detach' }] as const) {
    const { code } = await lanekeeper(['run', '--agent', 'demo', '-i'], { typed: [type('› ', '/help'), { after: '/steer', keys }] })
    expect(code).toBe(exit_codes.done)
  }
  expect(seen).toEqual([])
  const dash = await lanekeeper(['run', '-', '--agent', 'demo', '-i'], { stdin: 'x' })
  expect(dash).toMatchObject({ code: exit_codes.usage, err: expect.stringContaining('Leave the - out') })
})

test.concurrent('a second Ctrl-C leaves though a call is not answered', async ({ onTestFinished }) => {
  const { lanekeeper } = await fakeApi(onTestFinished)
  const { code, err } = await lanekeeper(start, {
    typed: [type('What else?\n› ', 'is anybody there?')],
    never_answered: '/input',
  })
  expect(err).toContain('Detached. It goes on.')
  expect(code).toBe(exit_codes.detached)
})

test.concurrent('whoever types sits through an outage; a pipe ends with it', async ({ onTestFinished }) => {
  const { lanekeeper } = await fakeApi(onTestFinished)
  const outage = { of: '/events', requests: 4 }
  const { code, out } = await lanekeeper(start, { outage, typed: [{ after: 'What else?\n› ', keys: 'ctrl-d' }] })
  expect(out).toMatch(/! nobody answers[^]*What else\?/)
  expect(code).toBe(exit_codes.done)
  expect(await lanekeeper(start, { outage })).toMatchObject({ code: exit_codes.failed, err: expect.stringContaining('Nothing answers') })
})
