import { expect, test } from 'vitest'
import { readOptions, UsageError } from './options.ts'

test('what is not said has its default', () => {
  expect(readOptions([])).toMatchObject({ port: 4700, data: `${process.cwd()}/.lanekeeper`, parameters: {}, sweep_every_ms: undefined, template: undefined })
})

test('what is said counts', () => {
  const words = [
    '--port',
    '4800',
    '--data',
    '/tmp/x',
    '--host-label',
    'two',
    '--parameters',
    'Runners=process,claude_code',
    '--parameters',
    'SandboxJson={"a":"b=c"}',
    '--sweep-every-ms',
    '500',
  ]
  expect(readOptions(words)).toMatchObject({
    port: 4800,
    data: '/tmp/x',
    host_label: 'two',
    parameters: { Runners: 'process,claude_code', SandboxJson: '{"a":"b=c"}' },
    sweep_every_ms: 500,
  })
})

test('help is no start', () => {
  expect(readOptions(['--help'])).toBeUndefined()
})

test.each([
  [['--port', 'x'], /--port must be a number/],
  [['--port', '0'], /--port must be at least 1/],
  [['--parameters', 'x'], /Name=Value/],
  [['--nope'], /--nope/],
  [['extra'], /extra/],
])('%j', (words, message) => {
  expect(() => readOptions(words)).toThrow(UsageError)
  expect(() => readOptions(words)).toThrow(message)
})
