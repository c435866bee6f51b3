/** How the local stack comes up and goes down, as a user sees it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api, ended, request, until } from '../support/api.ts'
import { startStack, type TestStack } from '../support/stack.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let stack: TestStack
beforeAll(async () => {
  stack = await startStack()
}, 240_000)
afterAll(async () => stack.stop(), 60_000)

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
const allGone = (pids: readonly number[]) => until('the end of every process', async () => (pids.some(isAlive) ? undefined : true), 15_000)

/** Addresses, in /proc's hexadecimal, on which a process listens. */
const listensOn = async (pid: number): Promise<readonly string[]> => {
  const fds = await readdir(`/proc/${pid}/fd`)
  const links = await Promise.all(fds.map(async (fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')))
  const inodes = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []))
  const tables = await Promise.all(['tcp', 'tcp6', 'udp', 'udp6'].map(async (name) => [name, await readFile(`/proc/${pid}/net/${name}`, 'utf8')] as const))
  return tables.flatMap(([name, text]) =>
    text.split('\n').flatMap((line) => {
      const fields = line.trim().split(/\s+/)
      const [, local = '', , state = ''] = fields
      const listening = name.startsWith('udp') || state === '0A'
      return listening && inodes.has(fields[9] ?? '') ? [`${name} ${local.split(':')[0]}`] : []
    }),
  )
}

const startAnother = async (arguments_: readonly string[]) => {
  const child = spawn(process.execPath, ['local/main.ts', ...arguments_], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)))
  await once(child, 'exit')
  return { code: child.exitCode, said }
}

test('it listens on the loopback address and nowhere else', async () => {
  const listening = (await Promise.all((await stack.processes()).map(listensOn))).flat()
  expect(listening.length).toBeGreaterThanOrEqual(5)
  expect(new Set(listening)).toEqual(new Set(['tcp 0100007F']))
})

test('the files with the key are for their owner only', async () => {
  for (const name of ['local.json', 'first-key.json', 'endpoints.json']) expect((await stat(join(stack.data_dir, name))).mode & 0o777).toBe(0o600)
})

test('the environment of the processes that run attempts holds no key', async () => {
  const secrets = [stack.api_key, 'ANTHROPIC_API_KEY', 'AWS_SECRET']
  for (const pid of await stack.processes()) {
    const [command, environment] = await Promise.all([readFile(`/proc/${pid}/cmdline`, 'utf8'), readFile(`/proc/${pid}/environ`, 'utf8')])
    expect(secrets.filter((secret) => command.includes(secret))).toEqual([])
    if (command.includes('runner-host')) expect(secrets.filter((secret) => environment.includes(secret))).toEqual([])
  }
})

test('a second stack in the same folder, and one on a port that is taken, say so and end', async () => {
  const same = await startAnother(['--data', stack.data_dir, '--port', '1'])
  expect(same.code).toBe(1)
  expect(same.said).toMatch(/another stack runs in .*--data/)
  const taken = await startAnother(['--data', join(stack.data_dir, 'other'), '--port', new URL(stack.api_url).port])
  expect(taken.code).toBe(1)
  expect(taken.said).toMatch(/cannot be used: choose another with --port/)
  expect((await request(stack, 'GET', '/v1/health')).status).toBe(200)
})

test('Ctrl-C ends everything; the next start has the same key and all that was accepted', async () => {
  const agent = await api(stack).createAgent('kept', { runner: 'process', command: ['sh', '-c', 'sleep 30'] })
  const { task } = await api(stack).accept({ agent_id: agent.id, message: 'm', policy: { retry: { max_attempts: 5 } } })
  await until('the start', async () => ((await api(stack).task(task.id)).state === 'running' ? true : undefined), 30_000)
  const [pids, key] = [await stack.processes(), stack.api_key]
  expect(await stack.interrupt()).toBe(0)
  await allGone(pids)
  await stack.restart()
  expect(stack.api_key).toBe(key)
  expect((await api(stack).task(task.id)).id).toBe(task.id)
  await api(stack).cancel(task.id)
  expect((await ended(api(stack), task.id)).state).toBe('cancelled')
}, 180_000)

test('kill -9 of the main process alone leaves nothing behind', async () => {
  const pids = await stack.processes()
  expect(pids.length).toBeGreaterThanOrEqual(3)
  process.kill(stack.endpoints.process_id, 'SIGKILL')
  await allGone(pids)
  await stack.restart()
  expect((await request(stack, 'GET', '/v1/agents')).status).toBe(200)
})
