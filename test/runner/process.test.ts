/** Kind `process` against a fake plane: outcomes, stopping, the lease, and what the plane is told. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exit_codes } from '../../runner/attempt.ts'
import { probeSandbox } from '../../runner/sandbox/probe.ts'
import { startHarness, type Harness } from './harness.ts'
import { attemptFolders } from '../support/attempt-folders.ts'

let harness: Harness
beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.close())

const shell = (script: string) => ({ runner: 'process', command: ['sh', '-c', script] })
const outputOf = (stream: string) =>
  harness.plane.seen.logs
    .filter((entry) => entry.stream === stream)
    .map((entry) => entry.data)
    .join('')

/** Whether a process of this machine was started with `mark` among its arguments. */
const isRunning = async (mark: string): Promise<boolean> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.some((line) => line.includes(mark))
}

test('the message arrives on standard input, the last line is the result, both streams are logged', async () => {
  const { code, finish, log } = await harness.run({ message: 'hello there', config: shell('cat; echo; echo to stderr >&2; echo last line; echo') })
  expect(code).toBe(0)
  expect(finish).toMatchObject({ outcome: 'ok', exit_code: 0, result: 'last line' })
  expect(finish?.saved).toBeUndefined()
  const { logs } = harness.plane.seen
  expect(logs.map((entry) => entry.seq)).toEqual(logs.map((_, index) => index + 1))
  expect(outputOf('stdout')).toBe('hello there\nlast line\n\n')
  expect(log).toContain('to stderr')
})

test.each([
  ['exit 0', { outcome: 'ok', exit_code: 0 }],
  ['exit 3', { outcome: 'error', exit_code: 3, error: { code: 'process_failed', retryable: true } }],
  ['exit 78', { outcome: 'error', exit_code: 78, error: { code: 'process_failed', retryable: false } }],
  ['sh -c "kill -9 \\$\\$"; exit $?', { outcome: 'error', error: { code: 'process_failed', retryable: true } }],
])('%s', async (script, expected) => {
  const { code, finish } = await harness.run({ message: 'm', config: shell(script) })
  expect(code).toBe(0)
  expect(finish).toMatchObject(expected)
})

test('a config without a command, and a kind that nobody knows, are errors that no retry mends', async () => {
  expect((await harness.run({ message: 'm', config: { runner: 'process' } })).finish).toMatchObject({
    outcome: 'error',
    error: { code: 'command_missing', retryable: false },
  })
  expect((await harness.run({ message: 'm', config: { runner: 'other' } })).finish).toMatchObject({
    outcome: 'error',
    error: { code: 'runner_unsupported', retryable: false },
  })
  expect((await harness.run({ message: 'm', config: { ...shell('true'), workspace_dir: '/workspace/../etc' } })).finish).toMatchObject({
    error: { code: 'workspace_dir_invalid' },
  })
})

test('at its timeout a command gets SIGTERM and may end well; what it saved is kept', async () => {
  const script = 'trap "echo got term > ended; exit 0" TERM; echo ready; sleep 60 & wait'
  const { finish } = await harness.run({ message: 'm', config: shell(script), timeout_ms: 2_500 })
  expect(finish).toMatchObject({ outcome: 'timeout', error: { code: 'timeout', retryable: true }, saved: { workspace_bytes: expect.any(Number) } })
  const next = await harness.run({ message: 'm', config: shell('cat ended') })
  expect(next.finish?.result).toBe('got term')
})

test('a command that ignores SIGTERM is killed after the grace, with all that it started', async () => {
  const mark = '61.0625'
  const script = `trap "" TERM; setsid sh -c "trap '' TERM; sleep ${mark}" & sleep ${mark} & echo ready; wait; wait`
  const { finish } = await harness.run({ message: 'm', config: shell(script) }, async () => {
    await harness.plane.logged((text) => text.includes('ready'))
    expect(await isRunning(`sleep\0${mark}`)).toBe(true)
    harness.plane.orderStop('cancel')
  })
  expect(finish).toMatchObject({ outcome: 'cancelled' })
  expect(finish?.error).toBeUndefined()
  expect(await isRunning(`sleep\0${mark}`)).toBe(false)
})

test('what a command leaves running behind it goes with it, where processes are confined', async () => {
  const { tier } = await probeSandbox()
  const mark = '62.0625'
  const { finish } = await harness.run({ message: 'm', config: shell(`setsid sleep ${mark} > /dev/null 2>&1 & echo done`) })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'done' })
  expect(await isRunning(`sleep\0${mark}`)).toBe(tier === 'none')
})

test('a sandbox that is told to go ends as a retryable error, or as what the plane has ordered', async () => {
  const config = shell('echo ready; sleep 60')
  const stopped = await harness.run({ message: 'm', config }, async (stop) => {
    await harness.plane.logged((text) => text.includes('ready'))
    stop.abort()
  })
  expect(stopped.finish).toMatchObject({ outcome: 'error', error: { code: 'sandbox_stopped', retryable: true } })
  const cancelled = await harness.run({ message: 'm', config, heartbeat_ms: 60_000 }, async (stop) => {
    await harness.plane.logged((text) => text.includes('ready'))
    harness.plane.orderStop('cancel')
    stop.abort()
  })
  expect(cancelled.finish).toMatchObject({ outcome: 'cancelled' })
})

test('a superseded attempt kills its agent and says nothing more', async () => {
  const mark = '63.0625'
  const { code, finish } = await harness.run({ message: 'm', config: shell(`echo ready; sleep ${mark}`) }, async () => {
    await harness.plane.logged((text) => text.includes('ready'))
    harness.plane.supersede()
  })
  expect(code).toBe(exit_codes.superseded)
  expect(finish).toBeUndefined()
  expect(await isRunning(`sleep\0${mark}`)).toBe(false)
})

test('an attempt that cannot renew its lease ends itself before the lease does', async () => {
  const mark = '64.0625'
  const lease_ms = 2_000
  const { code, finish } = await harness.run({ message: 'm', config: shell(`echo ready; sleep ${mark}`), lease_ms }, async () => {
    await harness.plane.logged((text) => text.includes('ready'))
    harness.plane.hang()
  })
  expect(code).toBe(exit_codes.plane_lost)
  expect(finish).toBeUndefined()
  expect(await isRunning(`sleep\0${mark}`)).toBe(false)
})

test('calls are repeated while the plane is down, and a repeated claim is the same claim', async () => {
  const { code, finish } = await harness.run({ message: 'm', config: shell('echo fine') }, async () => {
    harness.plane.failNext(3)
  })
  expect(code).toBe(0)
  expect(finish?.result).toBe('fine')
  const { paths } = harness.plane.seen
  expect(paths.slice(0, 4)).toEqual(Array.from({ length: 4 }, () => '/v1/runner/claim'))
})

test('the finish is repeated until it is recorded, but not for ever', async () => {
  const recorded = await harness.run({ message: 'm', config: shell('true') }, async () => harness.plane.recordAfter(1))
  expect(recorded.code).toBe(0)
  expect(harness.plane.seen.finishes).toHaveLength(2)
  const never = await harness.run({ message: 'm', config: shell('true') }, async () => harness.plane.recordAfter(100))
  expect(never.code).toBe(0)
  expect(harness.plane.seen.finishes).toHaveLength(4)
})

test('secrets do not get out, not even in halves', async () => {
  const script = 'printf "sk-ant-api03-first"; sleep 0.2; printf "halfandsecondhalf\\n"; printf "%s" "$(cat)"; echo; echo "password=hunter2"'
  const { finish, log } = await harness.run({ message: 'use sk-ant-planted-model-key-0123456789 please', config: shell(script) })
  expect(log).not.toMatch(/firsthalf|halfand|planted-model-key|hunter2/)
  expect(outputOf('stdout')).toBe('[redacted]\nuse [redacted] please\npassword=[redacted]\n')
  expect(finish?.result).toBe('password=[redacted]')
})

test('much output arrives whole and in order, in batches', async () => {
  await harness.run({ message: 'm', config: shell('seq 1 200000') })
  expect(outputOf('stdout')).toBe(`${Array.from({ length: 200_000 }, (_, index) => index + 1).join('\n')}\n`)
  expect(harness.plane.seen.paths.filter((path) => path === '/v1/runner/logs').length).toBeLessThan(60)
})

test('memory beyond the policy is refused to the command', async () => {
  const script = `perl -e 'my $x = "a" x 300_000_000; print length $x' || echo refused`
  const limited = await harness.run({ message: 'm', config: shell(script), policy: { resources: { memory: 128 } } })
  expect(limited.finish?.result).toContain('refused')
  expect((await harness.run({ message: 'm', config: shell(script) })).finish?.result).toBe('300000000')
})

test('a bad environment is named and nothing is asked of the plane', async () => {
  const { code } = await harness.run({ message: 'm' }, undefined, { LANEKEEPER_ATTEMPT: 'nonsense' })
  expect(code).toBe(exit_codes.environment_invalid)
  expect(harness.plane.seen.paths).toEqual([])
})

test('a wrong claim is not repeated', async () => {
  const { code } = await harness.run({ message: 'm' }, undefined, { LANEKEEPER_CLAIM_TOKEN: 'another' })
  expect(code).toBe(exit_codes.superseded)
  expect(harness.plane.seen.paths).toEqual(['/v1/runner/claim'])
})

test('a long work folder is no hindrance, and nothing stays in it', async () => {
  const long = join(harness.work_dir, 'a-rather-long-name-of-a-folder'.repeat(4))
  const { finish } = await harness.run(
    { message: 'm', config: shell('mkdir -p locked/in; echo x > locked/in/f; chmod 000 locked/in/f locked; ls /run/lanekeeper || true; echo ok') },
    undefined,
    { LANEKEEPER_WORK_DIR: long },
  )
  expect(finish).toMatchObject({ result: 'ok' })
  expect(await attemptFolders(long)).toEqual([])
})
