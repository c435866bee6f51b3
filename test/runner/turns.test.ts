/** Kind `claude_code` over several turns: the real agent, told things while it works, between turns and while it waits. */
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { FakeCommand } from '../support/fake-assignment.ts'
import { bash, say, startHarness, type Harness } from './harness.ts'

let harness: Harness
beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.close())
beforeEach(() => harness.plane.files.clear())

const policy = { security: 'full' } as const
const talk = () => harness.plane.talk
const entries = (chunk_type: string) => harness.plane.seen.logs.filter((entry) => entry.chunk_type === chunk_type).map((entry) => entry.data)
const called = (count: number) => harness.plane.logged(() => entries('tool_call').length >= count)
/** Runs until the test says so (`letGo`). */
const held = (name: string) => bash(`until [ -e go-${name} ]; do sleep 0.02; done; echo went-${name}`)
const letGo = async (name: string) => {
  const [attempt = ''] = await readdir(harness.work_dir)
  await writeFile(join(harness.work_dir, attempt, 'workspace', `go-${name}`), '')
}
const taken = (count: number) => harness.plane.logged(() => talk().takes.flatMap(({ answer }) => answer.inputs).length >= count)
const ended = () => talk().inputs.map(({ seq, consumed, superseded }) => [seq, consumed ?? (superseded === true ? 'superseded' : 'pending')])
const lastRequest = () => harness.model_requests.at(-1)?.body ?? ''
const agents = () => harness.model_requests.length
const run = (command: Partial<FakeCommand> & { readonly message: string }, act?: (stop: AbortController) => Promise<void>) =>
  harness.run({ policy, ...command }, act)

test('a run without inputs makes no call but those it always made', async () => {
  await run({ message: `m\n${say('done')}` })
  const calls = harness.plane.seen.paths.filter((path) => !/heartbeat|logs|claim/.test(path))
  expect(calls).toEqual(['/v1/runner/uploads', '/v1/runner/finish'])
})

test('a steer is seen in the turn that goes on', async () => {
  const { finish } = await run({ message: `first\n${held('a')}\n${say('done')}` }, async () => {
    await called(1)
    talk().add('steer', 'planted-steer')
    await taken(1)
    await letGo('a')
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'done', turn: 1 })
  expect(lastRequest()).toContain('planted-steer')
  expect(ended()).toEqual([[1, 1]])
  expect(talk().turns).toEqual([])
})

test('a steer that comes after the model’s last word gets a result of its own, in the same turn', async () => {
  const slow = `STUB: ${JSON.stringify({ text: 'word ', repeat: 40, delayMs: 50 })}`
  const { finish } = await run({ message: `first\n${slow}` }, async () => {
    await harness.plane.logged(() => agents() > 0)
    talk().add('steer', 'planted-late')
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'ECHO(planted-late)', turn: 1 })
  expect(ended()).toEqual([[1, 1]])
})

test('followups are turns of their own, in order, of one agent; what each used is counted once', async () => {
  const usage = { input_tokens: 1_000, output_tokens: 100 }
  const speak = (text: string) => `STUB: ${JSON.stringify({ text, usage })}`
  const { finish } = await run({ message: `first\n${held('a')}\n${speak('one')}` }, async () => {
    await called(1)
    talk().add('followup', `second\n${bash('cat go-a && echo $$ > shell')}\n${speak('two')}`)
    talk().add('followup', `third\n${speak('three')}`)
    await harness.plane.logged(() => talk().takes.length > 0)
    await letGo('a')
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'three', turn: 3 })
  expect(talk().turns.map(({ turn, result }) => [turn, result])).toEqual([
    [1, 'one'],
    [2, 'two'],
  ])
  expect(ended()).toEqual([
    [1, 2],
    [2, 3],
  ])
  const [one, two] = talk().turns
  expect((two?.usage.output_tokens ?? 0) - (one?.usage.output_tokens ?? 0)).toBeGreaterThan(100)
  expect((finish?.usage.output_tokens ?? 0) - (two?.usage.output_tokens ?? 0)).toBe(100)
  const next = await run({ message: `fourth\n${speak('four')}` })
  expect(lastRequest()).toMatch(/first.*second.*third.*fourth/s)
  expect(next.finish?.usage).toMatchObject(usage)
})

test('three collected messages are one turn, in order', async () => {
  const { finish } = await run({ message: `first\n${held('a')}\n${say('one')}` }, async () => {
    await called(1)
    for (const message of ['planted-1', 'planted-2', `planted-3\n${say('all three')}`]) talk().add('collect', message)
    await letGo('a')
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'all three', turn: 2 })
  expect(lastRequest()).toMatch(/planted-1.*planted-2.*planted-3/s)
  expect(ended()).toEqual([
    [1, 2],
    [2, 2],
    [3, 2],
  ])
})

test('an interrupt kills the tool that runs; the agent goes on with the message and remembers', async () => {
  const { finish } = await run({ message: `planted-first\n${held('never-65.125')}\n${say('never said')}` }, async () => {
    await called(1)
    talk().add('followup', 'left behind')
    talk().add('interrupt', `now this\n${say('now')}`)
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'now', turn: 2 })
  expect(talk().turns).toMatchObject([{ turn: 1, waits: false }])
  expect(talk().turns[0]?.usage.input_tokens).toBeGreaterThan(0)
  expect(ended()).toEqual([
    [1, 'superseded'],
    [2, 2],
  ])
  expect(lastRequest()).toContain('planted-first')
  expect(entries('text')).toEqual(['now'])
  expect(entries('tool_result').join()).not.toContain('went-')
})

test('an interrupt that comes before the agent is there stops its first turn all the same', async () => {
  const { finish } = await run({ message: 'planted-first' }, async () => void talk().add('interrupt', `now this\n${say('now')}`))
  expect(finish).toMatchObject({ outcome: 'ok', result: 'now', turn: 2 })
  expect(talk().turns).toMatchObject([{ turn: 1, waits: false }])
  expect(talk().turns[0]?.result).toBeUndefined()
  expect(lastRequest()).toMatch(/planted-first.*now this/s)
})

test('a turn that is interrupted with a steer in it ends with both, and the agent remembers the steer', async () => {
  const { finish } = await run({ message: `first\n${held('never')}\n${say('never said')}` }, async () => {
    await called(1)
    talk().add('steer', 'planted-steer')
    await taken(1)
    talk().add('interrupt', `now this\n${say('now')}`)
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'now', turn: 2 })
  expect(lastRequest()).toMatch(/planted-steer.*now this/s)
  expect(ended()).toEqual([
    [1, 1],
    [2, 2],
  ])
})

test.each(['steer', 'followup', 'collect', 'interrupt'] as const)(
  'an interactive run that waits goes on with a %s, and parks when nobody comes',
  async (mode) => {
    const interactive = { ...policy, interactive: true }
    const { finish } = await run({ message: `first\n${say('one')}`, policy: interactive, idle_ms: 3_000 }, async () => {
      await harness.plane.logged(() => talk().turns.length === 1)
      talk().add(mode, `planted-second\n${say('two')}`)
    })
    expect(finish).toMatchObject({ outcome: 'ok', parks: 'input', turn: 2, result: 'two' })
    expect(talk().turns.map(({ turn, waits }) => [turn, waits])).toEqual([
      [1, true],
      [2, true],
    ])
    expect(ended()).toEqual([[1, 2]])
  },
)

test('a parked run goes on in a new process, with its files and its memory', async () => {
  const interactive = { ...policy, interactive: true }
  await run({ message: `planted-first\n${bash('echo kept > file')}\n${say('one')}`, policy: interactive, idle_ms: 100 })
  expect(harness.plane.seen.finishes).toMatchObject([{ parks: 'input', turn: 1 }])
  talk().add('followup', `second\n${bash('cat file')}\n${say('two')}`)
  const woken = await run({ message: 'planted-first', policy: interactive, idle_ms: 100, again: true })
  expect(woken.finish).toMatchObject({ parks: 'input', turn: 2, result: 'two' })
  expect(woken.log).toContain('"content":"kept"')
  expect(lastRequest()).toContain('planted-first')
})

test('a retry after the runner was lost in turn 2 gives the agent turn 2’s inputs again, and nothing twice', async () => {
  await run({ message: `planted-first\n${held('a')}\n${say('one')}` }, async () => {
    await called(1)
    talk().add('followup', `planted-second\n${held('b')}\n${say('two')}`)
    await letGo('a')
    await called(2)
    harness.plane.supersede()
  })
  expect(harness.plane.seen.finishes).toEqual([])
  expect(ended()).toEqual([[1, 'pending']])
  const { finish } = await run({ message: 'planted-first', again: true }, async () => {
    await called(1)
    await letGo('b')
  })
  expect(finish).toMatchObject({ outcome: 'ok', turn: 2, result: 'two' })
  expect(ended()).toEqual([[1, 2]])
  expect(lastRequest().match(/planted-first/g)).toHaveLength(1)
  expect(lastRequest().match(/planted-second/g)).toHaveLength(1)
})

test('a failure in a later turn ends the attempt with that turn’s number', async () => {
  const { finish } = await harness.run(
    { message: `first\n${held('a')}\n${say('one')}`, policy },
    async () => {
      await called(1)
      talk().add('followup', `second\nSTUB: {"error":401}`)
      await letGo('a')
    },
    { LANEKEEPER_MODEL_RETRIES: '0' },
  )
  expect(finish).toMatchObject({ outcome: 'error', turn: 2, error: { code: 'model_unauthenticated' } })
  expect(ended()).toEqual([[1, 'pending']])
})

test('told to stop in a later turn, the agent ends and says what all turns used', async () => {
  const { finish } = await run({ message: `first\n${held('a')}\n${say('one')}` }, async () => {
    await called(1)
    talk().add('followup', `second\n${held('never')}\n${say('never said')}`)
    await letGo('a')
    await called(2)
    harness.plane.orderStop('cancel')
  })
  expect(finish).toMatchObject({ outcome: 'cancelled', turn: 2, saved: { transcript_bytes: expect.any(Number) } })
  expect(finish?.usage.input_tokens).toBeGreaterThan(talk().turns[0]?.usage.input_tokens ?? 0)
})

test('an input that wins against the end is a turn like any other', async () => {
  const { finish } = await run({ message: `planted-first\n${held('a')}\n${say('one')}`, heartbeat_ms: 60_000 }, async () => {
    await called(1)
    talk().add('followup', `second\n${say('two')}`)
    await letGo('a')
  })
  expect(harness.plane.seen.refused_finishes).toMatchObject([{ turn: 1, result: 'one' }])
  expect(finish).toMatchObject({ outcome: 'ok', turn: 2, result: 'two' })
  expect(lastRequest()).toContain('planted-first')
})
