import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { openLines } from './lines.ts'

const open = (is_terminal: boolean, with_prompt = true) => {
  const input = Object.assign(new PassThrough(), { isTTY: is_terminal })
  const output = Object.assign(new PassThrough(), { isTTY: is_terminal, columns: 20 })
  let interrupts = 0
  let stop: () => void = () => undefined
  const onInterrupt = (interrupted: () => void) => {
    stop = interrupted
    return () => void (stop = () => undefined)
  }
  const lines = openLines({ input, output, onInterrupt }, () => (interrupts += 1), with_prompt)
  const screen = () => String(output.read() ?? '')
  return { lines, input, screen, interrupts: () => interrupts, signal: () => stop() }
}

test('lines of a pipe come one by one, then none; whoever types without a prompt is a pipe', async () => {
  for (const { lines, input } of [open(false), open(true, false)]) {
    input.end('one \\\r\ntwo\nlast')
    expect([await lines.next(), await lines.next(), await lines.next(), await lines.next()]).toEqual(['one \\', 'two', 'last', undefined])
    expect(lines.is_typed).toBe(false)
  }
})

test('a signal interrupts a pipe until it is closed', () => {
  const { lines, screen, interrupts, signal } = open(false)
  signal()
  lines.prompt('› ')
  lines.write('said\n')
  expect(screen()).toBe('said\n')
  lines.close()
  signal()
  expect(interrupts()).toBe(1)
})

test('a typed line goes on after a backslash; Ctrl-C is heard and Ctrl-D ends them', async () => {
  const { lines, input, interrupts } = open(true)
  input.write('one\\\rtwo\rthree\r')
  expect([await lines.next(), await lines.next()]).toEqual(['one\ntwo', 'three'])
  input.write('\u0003')
  await new Promise((resolve) => setImmediate(resolve))
  expect(interrupts()).toBe(1)
  input.write('\u0004')
  expect(await lines.next()).toBeUndefined()
  lines.write('after\n')
  lines.prompt('never › ')
  lines.close()
})

test('what is written stands above the line that is being typed, which is drawn again below it', async () => {
  const { lines, input, screen } = open(true)
  lines.prompt('› ')
  input.write('half a thought that takes two rows')
  await new Promise((resolve) => setImmediate(resolve))
  screen()
  lines.write('said\n')
  const drawn = screen()
  expect(stripVTControlCharacters(drawn)).toMatch(/^said\n\n+› half a thought that takes two rows/)
  // Up to where the line began, so that nothing of it stays above.
  expect(drawn).toMatch(/^\u001b\[1A\u001b\[1G\u001b\[0J/)
  input.write('.\r')
  expect(await lines.next()).toBe('half a thought that takes two rows.')
})
