/** Kind `process` over several turns: each is one run of the command, with the message on its standard input. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startHarness, type Harness } from './harness.ts'
import { attemptFolders } from '../support/attempt-folders.ts'

let harness: Harness
beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.close())
beforeEach(() => harness.plane.files.clear())

const shell = (script: string) => ({ runner: 'process', command: ['sh', '-c', script] })
/** Keeps what it was told, and ends with all that it was ever told; the first time only once the test lets it (`go`). */
const patient = shell('cat > said; (cat said; echo) >> all; echo ready; until [ -e go ]; do sleep 0.02; done; tr "\\n" "|" < all')
const talk = () => harness.plane.talk
const ready = () => harness.plane.logged((text) => text.includes('ready'))
/** The runner knows that inputs wait. */
const known = () => harness.plane.logged(() => talk().takes.length > 0)
const go = () => harness.touch('go')
const ended = () => talk().inputs.map(({ seq, consumed, superseded }) => [seq, consumed ?? (superseded === true ? 'superseded' : 'pending')])
const calls = () => harness.plane.seen.paths.filter((path) => /inputs|turns|uploads|finish/.test(path)).map((path) => path.split('/').at(-1))

test('a run without inputs makes no call but those it always made', async () => {
  const { finish } = await harness.run({ message: 'm', config: shell('cat > kept; echo done') })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'done', turn: 1 })
  expect(calls()).toEqual(['uploads', 'finish'])
})

test('followups are turns of their own, in order; each turn is saved before the next begins', async () => {
  const { finish } = await harness.run({ message: 'first', config: patient }, async () => {
    await ready()
    talk().add('followup', 'second')
    talk().add('followup', 'third')
    await known()
    await go()
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'first|second|third|', turn: 3 })
  expect(ended()).toEqual([
    [1, 2],
    [2, 3],
  ])
  expect(talk().turns.map(({ turn, result, waits }) => [turn, result, waits])).toEqual([
    [1, 'first|', false],
    [2, 'first|second|', false],
  ])
  expect(harness.plane.seen.uploads.map(({ kind, turn }) => [kind, turn])).toEqual([
    ['workspace', 1],
    ['workspace', 2],
    ['workspace', 3],
  ])
})

test('what is collected is one turn, with a blank line between the messages', async () => {
  const { finish } = await harness.run({ message: 'first', config: patient }, async () => {
    await ready()
    for (const message of ['a', 'b', 'c']) talk().add('collect', message)
    await go()
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'first|a||b||c|', turn: 2 })
  expect(ended()).toEqual([
    [1, 2],
    [2, 2],
    [3, 2],
  ])
})

test('an interrupt ends the command and what it had started, and the run goes on with its message', async () => {
  const { finish } = await harness.run(
    { message: 'first', config: shell('read word; echo "$word" >> all; echo ready; if [ "$word" = first ]; then sleep 66.0625; fi; tr "\\n" "|" < all') },
    async () => {
      await ready()
      talk().add('followup', 'left behind')
      talk().add('interrupt', 'now')
    },
  )
  expect(finish).toMatchObject({ outcome: 'ok', result: 'first|now|', turn: 2 })
  expect(ended()).toEqual([
    [1, 'superseded'],
    [2, 2],
  ])
})

test('a command that ignores SIGTERM is killed by an interrupt too, and that is no failure', async () => {
  const script = 'read word; echo ready; if [ "$word" = first ]; then trap "" TERM; sleep 67.0625 & wait; wait; fi; echo "$word"'
  const { finish } = await harness.run({ message: 'first', config: shell(script) }, async () => {
    await ready()
    talk().add('interrupt', 'now')
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'now', turn: 2 })
})

test('what was said into a turn too late for it is said after it, and belongs to it', async () => {
  const { finish } = await harness.run({ message: 'first', config: patient }, async () => {
    await ready()
    talk().add('steer', 'other way')
    await harness.plane.logged(() => talk().inputs[0]?.taken !== undefined)
    await go()
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'first|other way|', turn: 1 })
  expect(ended()).toEqual([[1, 1]])
})

test('a turn that changed nothing uploads nothing', async () => {
  const config = shell('read word; echo ready; until [ -e go ]; do sleep 0.02; done; echo "$word"')
  const { finish } = await harness.run({ message: 'first', config }, async () => {
    await ready()
    talk().add('followup', 'second')
    await go()
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'second', turn: 2 })
  expect(finish?.saved).toBeUndefined()
  expect(harness.plane.seen.uploads).toHaveLength(1)
})

test('an input that comes just before the end wins: the finish is not recorded, the turn is ended with the same files', async () => {
  const { finish } = await harness.run({ message: 'first', config: patient, heartbeat_ms: 60_000 }, async () => {
    await ready()
    talk().add('followup', 'second')
    await go()
  })
  const [refused] = harness.plane.seen.refused_finishes
  expect(refused).toMatchObject({ outcome: 'ok', turn: 1, result: 'first|' })
  expect(talk().turns[0]).toMatchObject({ turn: 1, saved: refused?.saved, result: 'first|', waits: false })
  expect(finish).toMatchObject({ outcome: 'ok', turn: 2, result: 'first|second|' })
})

test('a failure in a later turn ends the attempt with its number, and the next attempt begins with that turn’s inputs', async () => {
  const config = shell(
    'read word; echo "$word" >> all; echo ready; until [ -e go ]; do sleep 0.02; done; if [ "$word" = second ]; then exit 3; fi; tr "\\n" "|" < all',
  )
  const failed = await harness.run({ message: 'first', config }, async () => {
    await ready()
    talk().add('followup', 'second')
    await go()
  })
  expect(failed.finish).toMatchObject({ outcome: 'error', turn: 2, error: { code: 'process_failed' } })
  expect(ended()).toEqual([[1, 'pending']])
  const again = await harness.run({ message: 'first', config: shell('read word; echo "$word" >> all; tr "\\n" "|" < all'), again: true })
  expect(talk().takes.at(-1)).toMatchObject({ request: { turn: 2, open: false }, answer: { how: 'turn', inputs: [{ message: 'second' }] } })
  expect(again.finish).toMatchObject({ outcome: 'ok', turn: 2 })
  expect(again.finish?.result).toMatch(/^first\|.*second\|$/)
  expect(ended()).toEqual([[1, 2]])
})

test('an interactive run waits for its next input, and is told of it by a heartbeat', async () => {
  const { finish } = await harness.run({ message: 'first', config: patient, policy: { interactive: true }, idle_ms: 20_000 }, async () => {
    await ready()
    await go()
    await harness.plane.logged(() => talk().turns.length === 1)
    expect(talk().turns[0]).toMatchObject({ turn: 1, waits: true, result: 'first|' })
    // Whoever sees it wait has all that it said.
    expect(harness.plane.seen.logs.map((entry) => entry.data).join('')).toContain('first|')
    talk().add('followup', 'second')
    await harness.plane.logged(() => talk().turns.length === 2)
    harness.plane.orderStop('cancel')
  })
  expect(finish).toMatchObject({ outcome: 'cancelled', turn: 2 })
  expect(ended()).toEqual([[1, 2]])
})

test('an interactive run that nobody talks to parks, and the next attempt begins with the input that woke it', async () => {
  const parked = await harness.run({ message: 'first', config: patient, policy: { interactive: true }, idle_ms: 300 }, async () => {
    await ready()
    await go()
  })
  expect(parked.finish).toMatchObject({ outcome: 'ok', parks: 'input', turn: 1 })
  talk().add('steer', 'second')
  const woken = await harness.run({ message: 'first', config: patient, policy: { interactive: true }, idle_ms: 300, again: true })
  expect(talk().takes[0]).toMatchObject({ request: { turn: 2, open: false } })
  expect(woken.finish).toMatchObject({ outcome: 'ok', parks: 'input', turn: 2, result: 'first|second|' })
})

test('an attempt that follows one that was lost while it waited goes on with the waiting, or ends', async () => {
  const interactive = { message: 'first', config: patient, policy: { interactive: true } }
  await harness.run({ ...interactive, idle_ms: 20_000 }, async () => {
    await ready()
    await go()
    await harness.plane.logged(() => talk().turns.length === 1)
    harness.plane.supersede()
  })
  const waiting = await harness.run({ ...interactive, idle_ms: 100, again: true })
  expect(waiting.finish).toMatchObject({ outcome: 'ok', parks: 'input', turn: 1 })
  const ending = await harness.run({ message: 'first', config: patient, again: true })
  expect(ending.finish).toMatchObject({ outcome: 'ok', turn: 1 })
  expect(ending.finish?.parks).toBeUndefined()
})

test('turns, takes and finishes are repeated while the plane is down', async () => {
  const { finish } = await harness.run({ message: 'first', config: patient }, async () => {
    await ready()
    talk().add('followup', 'second')
    await go()
    await harness.plane.logged(() => talk().turns.length === 1)
    harness.plane.failNext(4)
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'first|second|', turn: 2 })
  expect(ended()).toEqual([[1, 2]])
  expect(await attemptFolders(harness.work_dir)).toEqual([])
})

test('a superseded attempt that waits for an input ends without a word', async () => {
  const { finish } = await harness.run({ message: 'first', config: patient, policy: { interactive: true }, idle_ms: 20_000 }, async () => {
    await ready()
    await go()
    await harness.plane.logged(() => talk().turns.length === 1)
    harness.plane.supersede()
  })
  expect(finish).toBeUndefined()
})
