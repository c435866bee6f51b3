import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startFakeApi } from '../../client/testing/fake-api.ts'
import { sample_ids } from '../../client/testing/samples.ts'
import { exit_codes } from '../io.ts'
import { runOn, type World } from '../testing/run-on.ts'
import type { Keys } from '../testing/typist.ts'
import { stop_message } from './talk.ts'

let api: Awaited<ReturnType<typeof startFakeApi>>
beforeAll(async () => {
  api = await startFakeApi()
})
afterAll(() => api.close())
beforeEach(() => {
  api.seen.length = 0
})

const start = ['run', 'sentinel:talk', '--agent', 'demo', '--interactive']
const lanekeeper = async (line: readonly string[], world: World) => runOn(api, line, world)
const type = (after: string, line: string): Keys => ({ after, keys: { line } })
const inputs = () => api.seen.filter(({ id }) => id === 'sendRunInput').map(({ body }) => body)

test('someone types: what is said is sent, what is asked is answered in place, and Ctrl-D leaves', async () => {
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
  expect(api.seen.find(({ id }) => id === 'acceptAgentCommand')?.body).toMatchObject({ message: 'sentinel:talk', policy: { interactive: true } })
  expect(inputs()).toMatchObject([
    { message: 'a title', queue_mode: 'followup' },
    { message: 'sentinel:asks', queue_mode: 'followup' },
    { message: 'and a dot', queue_mode: 'steer' },
  ])
  expect(out).toMatch(/\? the agent asks for permission\n *tool +Bash\n *input +\{"command":"rm notes.txt"\}\n *because +Bash is not on the allowlist/)
  expect(api.seen.find(({ id }) => id === 'answerApproval')).toMatchObject({
    params: { approval_id: sample_ids.approval },
    body: { action: 'reject', reason: 'it is needed' },
  })
  expect(out).not.toMatch(/waiting|turn \d begins|lanekeeper approve/)
  expect(err).toContain(`attach --interactive ${sample_ids.task}`)
  expect(code).toBe(exit_codes.done)
})

test('a pipe: each line is a message, in order, and it is left when the last is answered', async () => {
  const { code, out } = await lanekeeper(['run', '--agent', 'demo', '-i'], { stdin: '\nsentinel:talk\none\n/cancel\n' })
  expect(code).toBe(exit_codes.done)
  expect(inputs()).toMatchObject([{ message: 'one' }, { message: '/cancel' }])
  expect(out).toMatch(/What else\?\n› one\nYou said one\n› \/cancel\nYou said \/cancel\n$/)
  expect(api.seen.some(({ id }) => id === 'cancelTask')).toBe(false)
})

test('a run that parks and comes back says nothing of it', async () => {
  const { out } = await lanekeeper(start, { stdin: 'sentinel:parks\nand then\n' })
  expect(out).toMatch(/What else\?\n› sentinel:parks\nYou said sentinel:parks\n› and then\nYou said and then\n$/)
})

test('Ctrl-C stops the turn that goes on; again, it leaves', async () => {
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

test('/cancel ends the task, and its end is the end of the command', async () => {
  const { code, out } = await lanekeeper(start, { typed: [type('What else?', '/help'), type('/steer <text>', '/cancel')] })
  expect(out).toContain('■ cancelled')
  expect(code).toBe(exit_codes.cancelled)
})

test('a message that is refused is told, and the conversation goes on; a pipe ends with it', async () => {
  const typed = [type('What else?', 'sentinel:refused'), { after: '✗ not sent: too_many_inputs', keys: 'ctrl-d' }] as const
  expect(await lanekeeper(start, { typed })).toMatchObject({ code: exit_codes.done })
  const piped = await lanekeeper(start, { stdin: 'sentinel:refused\n' })
  expect(piped).toMatchObject({ code: exit_codes.failed, err: expect.stringContaining('too_many_inputs') })
})

test('a task that failed begins anew with what is typed; for a pipe it is over', async () => {
  const line = ['run', 'sentinel:error', '--agent', 'demo', '-i']
  const { code, out } = await lanekeeper(line, { typed: [type('A message begins it anew', 'try again'), { after: 'anew', keys: 'ctrl-d' }] })
  expect(inputs()).toMatchObject([{ message: 'try again' }])
  expect(out).toContain('✗ error after')
  expect(code).toBe(exit_codes.failed)
  expect(await lanekeeper(line, { stdin: 'never sent\n' })).toMatchObject({ code: exit_codes.failed })
  expect(inputs()).toHaveLength(1)
})

test('--json prints a document a line, whoever types, and answers nothing', async () => {
  const { out } = await lanekeeper([...start, '--json'], { stdin: 'one\n', typed: [] })
  const lines = out.trimEnd().split('\n')
  expect(lines.map((line) => Object.keys(JSON.parse(line))[0])).toEqual(expect.arrayContaining(['task', 'task_id']))
  expect(lines.filter((line) => line.includes('You said one'))).toHaveLength(1)
})

test('attach takes a conversation up again, with the question that is open', async () => {
  await lanekeeper(['run', 'sentinel:talk', '--agent', 'demo', '--detach', '-i'], {})
  expect(api.seen.at(-1)?.body).toMatchObject({ policy: { interactive: true } })
  const { code, out } = await lanekeeper(['attach', sample_ids.task, '--interactive'], {
    typed: [type('allow it?', 'y'), { after: 'Then I do it.\n› ', keys: 'ctrl-c' }],
  })
  expect(out).not.toContain('What else?')
  expect(code).toBe(exit_codes.done)
})

test('nothing begins without a first message', async () => {
  for (const keys of ['ctrl-d', 'ctrl-c', { line: '/detach' }] as const) {
    const { code } = await lanekeeper(['run', '--agent', 'demo', '-i'], { typed: [type('› ', '/help'), { after: '/steer', keys }] })
    expect(code).toBe(exit_codes.done)
  }
  expect(api.seen).toEqual([])
  const dash = await lanekeeper(['run', '-', '--agent', 'demo', '-i'], { stdin: 'x' })
  expect(dash).toMatchObject({ code: exit_codes.usage, err: expect.stringContaining('Leave the - out') })
})
