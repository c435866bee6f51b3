/** Kind `process` over several turns: each is one run of the command, with the message on its standard input. */
import { readdir } from 'node:fs/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startHarness, type Harness } from './harness.ts'

let harness: Harness
beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.close())
beforeEach(() => harness.plane.files.clear())

const shell = (script: string) => ({ runner: 'process', command: ['sh', '-c', script] })
/** Says what it was told, keeps it, and goes on when a file of that turn is there or a second is over. */
const slow = shell('cat > said; cat said; echo; cat said >> all; echo >> all; echo ready; sleep 1; tr "\\n" "|" < all')
const talk = () => harness.plane.talk
const ready = (count: number) => harness.plane.logged((text) => text.split('ready').length > count)
const ended = () => talk().inputs.map(({ seq, consumed, superseded }) => [seq, consumed ?? (superseded === true ? 'superseded' : 'pending')])
const calls = () => harness.plane.seen.paths.filter((path) => /inputs|turns|uploads|finish/.test(path)).map((path) => path.split('/').at(-1))

test('a run without inputs makes no call but those it always made', async () => {
  const { finish } = await harness.run({ message: 'm', config: shell('cat > kept; echo done') })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'done', turn: 1 })
  expect(calls()).toEqual(['uploads', 'finish'])
})

test('followups are turns of their own, in order; each turn is saved before the next begins', async () => {
  const { finish } = await harness.run({ message: 'first', config: slow }, async () => {
    await ready(1)
    talk().add('followup', 'second')
    talk().add('followup', 'third')
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
  const { finish } = await harness.run({ message: 'first', config: slow }, async () => {
    await ready(1)
    for (const message of ['a', 'b', 'c']) talk().add('collect', message)
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
      await ready(1)
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
    await ready(1)
    talk().add('interrupt', 'now')
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'now', turn: 2 })
})

test('what was said into a turn too late for it is said after it, and belongs to it', async () => {
  const { finish } = await harness.run({ message: 'first', config: slow }, async () => {
    await ready(1)
    talk().add('steer', 'other way')
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'first|other way|' })
  expect(ended()).toEqual([[1, finish?.turn]])
})

test('a turn that changed nothing uploads nothing', async () => {
  const config = shell('read word; echo ready; sleep 0.7; if [ "$word" = first ]; then echo x > kept; fi; echo "$word"')
  const { finish } = await harness.run({ message: 'first', config }, async () => {
    await ready(1)
    talk().add('followup', 'second')
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'second', turn: 2 })
  expect(finish?.saved).toBeUndefined()
  expect(harness.plane.seen.uploads).toHaveLength(1)
})

test('an input that comes just before the end wins: the finish is not recorded, the turn is ended with the same files', async () => {
  const { finish } = await harness.run({ message: 'first', config: slow, heartbeat_ms: 60_000 }, async () => {
    await ready(1)
    talk().add('followup', 'second')
  })
  const [refused] = harness.plane.seen.refused_finishes
  expect(refused).toMatchObject({ outcome: 'ok', turn: 1, result: 'first|' })
  expect(talk().turns[0]).toMatchObject({ turn: 1, saved: refused?.saved, result: 'first|', waits: false })
  expect(finish).toMatchObject({ outcome: 'ok', turn: 2, result: 'first|second|' })
})

test('a failure in a later turn ends the attempt with its number, and the next attempt begins with that turn’s inputs', async () => {
  const config = shell('read word; echo "$word" >> all; echo ready; sleep 0.7; if [ "$word" = second ] && [ ! -e again ]; then exit 3; fi; tr "\\n" "|" < all')
  const failed = await harness.run({ message: 'first', config }, async () => {
    await ready(1)
    talk().add('followup', 'second')
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
  const { finish } = await harness.run({ message: 'first', config: slow, policy: { interactive: true }, idle_ms: 20_000 }, async () => {
    await harness.plane.logged(() => talk().turns.length === 1)
    expect(talk().turns[0]).toMatchObject({ turn: 1, waits: true, result: 'first|' })
    talk().add('followup', 'second')
    await harness.plane.logged(() => talk().turns.length === 2)
    harness.plane.orderStop('cancel')
  })
  expect(finish).toMatchObject({ outcome: 'cancelled', turn: 2 })
  expect(ended()).toEqual([[1, 2]])
})

test('an interactive run that nobody talks to parks, and the next attempt begins with the input that woke it', async () => {
  const parked = await harness.run({ message: 'first', config: slow, policy: { interactive: true }, idle_ms: 300 })
  expect(parked.finish).toMatchObject({ outcome: 'ok', parks: 'input', turn: 1 })
  talk().add('steer', 'second')
  const woken = await harness.run({ message: 'first', config: slow, policy: { interactive: true }, idle_ms: 300, again: true })
  expect(talk().takes[0]).toMatchObject({ request: { turn: 2, open: false } })
  expect(woken.finish).toMatchObject({ outcome: 'ok', parks: 'input', turn: 2, result: 'first|second|' })
})

test('turns, takes and finishes are repeated while the plane is down', async () => {
  const { finish } = await harness.run({ message: 'first', config: slow }, async () => {
    await ready(1)
    talk().add('followup', 'second')
    await harness.plane.logged(() => talk().turns.length === 1)
    harness.plane.failNext(4)
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'first|second|', turn: 2 })
  expect(ended()).toEqual([[1, 2]])
  expect(await readdir(harness.work_dir)).toEqual([])
})

test('a superseded attempt that waits for an input ends without a word', async () => {
  const { finish } = await harness.run({ message: 'first', config: slow, policy: { interactive: true }, idle_ms: 20_000 }, async () => {
    await harness.plane.logged(() => talk().turns.length === 1)
    harness.plane.supersede()
  })
  expect(finish).toBeUndefined()
})
