/** The agent's container: the bundled shim as the image has it, driven over its socket as the runner drives it. */
import { build } from 'esbuild'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { openRemote } from '../../runner/sandbox/remote.ts'
import type { SandboxCommand } from '../../runner/sandbox/sandbox.ts'

let bundle: string
let folder: string
let shim: ChildProcess
beforeAll(async () => {
  bundle = await mkdtemp(join(tmpdir(), 'lk-bundle-'))
  // As runner/Dockerfile does it.
  await build({
    entryPoints: ['runner/main.ts', 'runner/agent-shim.ts'],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    mainFields: ['module', 'main'],
    external: ['@anthropic-ai/claude-agent-sdk'],
    outdir: bundle,
    outExtension: { '.js': '.mjs' },
    banner: { js: "import { createRequire as lkCreateRequire } from 'node:module'; const require = lkCreateRequire(import.meta.url);" },
    logLevel: 'silent',
  })
})
afterAll(() => rm(bundle, { recursive: true }))
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lk-shim-'))
  shim = spawn(process.execPath, [join(bundle, 'agent-shim.mjs')], { env: { LANEKEEPER_SOCKETS_DIR: folder, PLANTED: 'of the shim' }, stdio: 'ignore' })
})
afterEach(async () => {
  shim.kill('SIGKILL')
  await shimExit()
  await rm(folder, { recursive: true })
})

const open = () => openRemote(join(folder, 'shim.sock'), { workspace: folder, home: folder, tmp: folder, run: folder, agent_binary: undefined })
const start = (argv: readonly string[], more: Partial<SandboxCommand> = {}, sandbox = open()) => {
  const child = sandbox.start({ argv, env: { PATH: '/usr/bin:/bin' }, cwd: folder, bridges: [], ...more })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (out += piece))
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (err += piece))
  return { child, out: () => out, err: () => err }
}
const shimExit = (): Promise<unknown> =>
  new Promise((resolve) => (shim.exitCode === null && shim.signalCode === null ? shim.once('exit', resolve) : resolve(undefined)))

test('streams, environment and exit code pass through; the shim stays until the runner lets go', async () => {
  const sandbox = open()
  const { child, out, err } = start(['sh', '-c', 'cat | wc -c; env; echo bad >&2; exit 3'], {}, sandbox)
  child.stdin.end('x'.repeat(300_000))
  expect(await child.exited).toEqual({ code: 3, signal: null })
  expect(out()).toMatch(/^\s*300000\n/)
  expect(out()).not.toContain('PLANTED')
  expect(err()).toBe('bad\n')
  child.kill('SIGKILL')
  expect(shim.exitCode).toBeNull()
  await sandbox.letGo()
  await shimExit()
})

test('commands follow each other, whatever became of the one before; what is said to one never reaches the next', async () => {
  const sandbox = open()
  const server = createServer((socket) => socket.end())
  await new Promise<void>((resolve) => server.listen(join(folder, 'target.sock'), resolve))
  const bridges = [{ port: 47_123, socket: join(folder, 'target.sock') }]
  const first = start(['sh', '-c', 'exit 3'], { bridges }, sandbox)
  first.child.stdin.write('x'.repeat(1_000_000))
  expect(await first.child.exited).toEqual({ code: 3, signal: null })
  first.child.stdin.end('late')
  const second = start(['sh', '-c', 'trap "" TERM; echo ready; sleep 66'], { bridges }, sandbox)
  await expect.poll(second.out).toContain('ready')
  second.child.kill('SIGTERM')
  second.child.kill('SIGKILL')
  expect(await second.child.exited).toMatchObject({ signal: 'SIGKILL' })
  const third = start(['cat'], { bridges }, sandbox)
  third.child.stdin.end('third')
  expect(await third.child.exited).toEqual({ code: 0, signal: null })
  expect(third.out()).toBe('third')
  server.close()
})

test('signals go to the command and what it started', async () => {
  const { child, out } = start(['sh', '-c', 'trap "echo ended; exit 0" TERM; sleep 66 & echo ready; wait'])
  await expect.poll(out).toContain('ready')
  child.kill('SIGTERM')
  expect(await child.exited).toEqual({ code: 0, signal: null })
  expect(out()).toContain('ended')
})

test('where SIGKILL leaves something behind that holds the command’s streams, the whole container goes', async () => {
  const { child, out } = start(['sh', '-c', 'setsid sleep 68 & echo ready; sleep 66'])
  await expect.poll(out).toContain('ready')
  child.kill('SIGKILL')
  expect(await child.exited).toMatchObject({ signal: 'SIGKILL' })
  await shimExit()
})

test('what a command leaves behind goes with it', async () => {
  const { child, out } = start(['sh', '-c', 'sh -c "sleep 67; echo late" & echo done'])
  expect(await child.exited).toEqual({ code: 0, signal: null })
  expect(out()).toBe('done\n')
})

test('a command that is not there is a failure, not an exit', async () => {
  const { child } = start(['/no/such/program'])
  expect(await child.exited).toMatchObject({ code: null, failure: expect.stringContaining('ENOENT') })
})

test('a port on the loopback leads to a socket of the runner', async () => {
  const server = createServer((socket) => socket.end('through the bridge'))
  await new Promise<void>((resolve) => server.listen(join(folder, 'target.sock'), resolve))
  const free = createServer()
  const port = await new Promise<number>((resolve) => {
    free.listen(0, '127.0.0.1', () => {
      const address = free.address()
      free.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
  const { child, out } = start(['bash', '-c', `cat < /dev/tcp/127.0.0.1/${port}`], { bridges: [{ port, socket: join(folder, 'target.sock') }] })
  expect(await child.exited).toEqual({ code: 0, signal: null })
  expect(out()).toBe('through the bridge')
  server.close()
})

test('nobody takes the socket over from the runner', async () => {
  const sandbox = open()
  const { child, out } = start(['sh', '-c', 'echo ready; sleep 66'], {}, sandbox)
  await expect.poll(out).toContain('ready')
  const second = start(['sh', '-c', 'echo taken over'])
  await expect
    .poll(() =>
      access(join(folder, 'shim.sock')).then(
        () => 'there',
        () => 'gone',
      ),
    )
    .toBe('gone')
  child.kill('SIGKILL')
  await child.exited
  expect(second.out()).toBe('')
  second.child.kill('SIGKILL')
  await sandbox.letGo()
  await shimExit()
})

test('the bundled runner starts, and names what its environment lacks', async () => {
  const { code, text } = await new Promise<{ code: number | null; text: string }>((resolve) => {
    const child = execFile(process.execPath, [join(bundle, 'main.mjs')], { env: {} }, (_error, _stdout, stderr) =>
      resolve({ code: child.exitCode, text: stderr }),
    )
  })
  expect(code).toBe(2)
  expect(text).toContain('LANEKEEPER_ATTEMPT')
})
