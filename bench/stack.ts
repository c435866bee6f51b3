/** A fresh local stack for a measurement: its own folder and port, metered, gone afterwards. */
import { spawn, type ChildProcess } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { createClient, type Client } from '../client/client.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const ready_within_ms = 60_000
const stop_within_ms = 15_000

const LocalFile = z.looseObject({ api_url: z.string(), api_key: z.string() })

export interface BenchStack {
  readonly client: Client
  readonly pid: number
  /** The stack's folder: its logs are below. */
  readonly folder: string
  /** From the start of the process to the first healthy answer. */
  readonly ready_ms: number
  readonly stop: () => Promise<void>
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address === null || typeof address === 'string' ? reject(new Error('no port')) : resolve(address.port)))
    })
  })

const clientOf = async (folder: string): Promise<Client | undefined> => {
  const text = await readFile(join(folder, 'local.json'), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const { api_url, api_key } = LocalFile.parse(JSON.parse(text))
  const client = createClient({ url: api_url, key: api_key, tries_max: 1 })
  return client.health().then(
    () => client,
    () => undefined,
  )
}

const untilReady = async (child: ChildProcess, folder: string): Promise<Client> => {
  const deadline = Date.now() + ready_within_ms
  while (Date.now() < deadline && child.exitCode === null) {
    const client = await clientOf(folder)
    if (client !== undefined) return client
    await pause(50)
  }
  const output = await readFile(join(folder, 'output.log'), 'utf8').catch(() => '')
  throw new Error(`the local stack did not get ready within ${ready_within_ms / 1_000} s:\n${output.slice(-4_000)}`)
}

const stopped = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    const timer = setTimeout(() => child.kill('SIGKILL'), stop_within_ms)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGTERM')
  })

/**
 * Starts the stack with the scripted model, whatever keys the environment holds, and with metered functions.
 * @param model the environment that names another model
 */
export const startBenchStack = async (parameters: Readonly<Record<string, string>> = {}, model: Readonly<Record<string, string>> = {}): Promise<BenchStack> => {
  const folder = await mkdtemp(join(tmpdir(), 'lanekeeper-bench-'))
  const { ANTHROPIC_API_KEY: _, ...env } = process.env
  const started = Date.now()
  const given = Object.entries(parameters).flatMap(([name, value]) => ['--parameters', `${name}=${value}`])
  const child = spawn(process.execPath, ['local/main.ts', '--port', String(await freePort()), '--data', folder, ...given], {
    cwd: root,
    env: { ...env, ...model, LANEKEEPER_CAPACITY: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = createWriteStream(join(folder, 'output.log'))
  child.stdout.pipe(output, { end: false })
  child.stderr.pipe(output, { end: false })
  const stop = async () => {
    await stopped(child)
    output.end()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const client = await untilReady(child, folder)
    return { client, pid: child.pid ?? 0, folder, ready_ms: Date.now() - started, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
