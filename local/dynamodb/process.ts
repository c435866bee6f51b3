/** The DynamoDB of the local stack: the dynoxide binary on a free loopback port, its data in a file. */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { listen, loopback } from '../net/listen.ts'

export interface DynamoDb {
  readonly url: string
  /** Resolves, with what it last said, if it ends without being told to. Never for one that was only pointed to. */
  readonly crashed: Promise<string>
  stop(): Promise<void>
}

const { resolve } = createRequire(import.meta.url)

/** The program that the package for a platform brings. @throws saying what to do where there is none */
export const dynoxideProgram = (platform: string, arch: string, find: (id: string) => string = resolve): string => {
  const name = `@dynoxide/${platform}-${arch}`
  try {
    return join(dirname(find(`${name}/package.json`)), platform === 'win32' ? 'dynoxide.exe' : 'dynoxide')
  } catch (cause) {
    throw new Error(
      [
        `There is no DynamoDB for this platform: the package ${name} is not installed.`,
        `Either install it (npm install --no-save ${name}), if there is one,`,
        'or start any DynamoDB-compatible server yourself and name it: DYNAMODB_ENDPOINT=http://127.0.0.1:8000 npm start',
      ].join('\n'),
      { cause },
    )
  }
}

/**
 * Starts the server and ends it when standard input closes, so that it cannot outlive the stack even if that is killed. The
 * shell gives up its own standard output: end of file there says that the server is gone.
 */
const keeper = '"$@" & child=$!; echo "$child" > "$pid_file"; exec 1>&- 2>&-; read -r _; kill -TERM "$child"; wait "$child"'

const freePort = async (): Promise<number> => {
  const listener = await listen(async () => undefined)
  await listener.close()
  return listener.port
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** The server of a stack that was killed needs a moment to close the file. */
const untilFormerIsGone = async (pid_file: string) => {
  const pid = existsSync(pid_file) ? Number(readFileSync(pid_file, 'utf8')) : 0
  for (let waited_ms = 0; pid > 0 && isAlive(pid) && waited_ms < 3_000; waited_ms += 20) await delay(20)
}

type Keeper = ChildProcessByStdio<Writable, Readable, Readable>

/** Asks until the server answers anything at all. @throws if it ends first, or after 10 s */
const untilReady = async (url: string, gone: Promise<string>) => {
  let ended: string | undefined
  void gone.then((said) => (ended = said))
  for (let waited_ms = 0; waited_ms < 10_000; waited_ms += 10) {
    if (ended !== undefined) throw new Error(`dynoxide did not start: ${ended}`)
    try {
      await (await fetch(url, { method: 'POST' })).text()
      return
    } catch {
      await delay(10)
    }
  }
  throw new Error('dynoxide did not answer within 10 s')
}

const launch = (arguments_: readonly string[], pid_file: string): { readonly child: Keeper; readonly gone: Promise<string> } => {
  // A process group of its own: Ctrl-C is for the stack, which ends its database last.
  const child = spawn('sh', ['-c', keeper, 'sh', dynoxideProgram(process.platform, process.arch), ...arguments_], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: { PATH: process.env['PATH'] ?? '', pid_file },
  })
  let said = ''
  const hear = (chunk: Uint8Array) => {
    said = `${said}${Buffer.from(chunk).toString('utf8')}`.slice(-2_000)
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  child.stdin.on('error', () => undefined)
  return { child, gone: once(child.stdout, 'close').then(() => said.trim()) }
}

const pointTo = async (endpoint: string): Promise<DynamoDb> => {
  await fetch(endpoint, { method: 'POST' }).catch((cause: unknown) => {
    throw new Error(`DYNAMODB_ENDPOINT is ${endpoint}, and nothing answers there`, { cause })
  })
  return { url: endpoint.replace(/\/$/, ''), crashed: new Promise(() => undefined), stop: async () => undefined }
}

/** @param endpoint any DynamoDB to use instead @param folder where the data is kept */
export const startDynamoDb = async (folder: string, endpoint: string | undefined): Promise<DynamoDb> => {
  if (endpoint !== undefined && endpoint !== '') return pointTo(endpoint)
  await mkdir(folder, { recursive: true })
  const pid_file = join(folder, 'pid')
  await untilFormerIsGone(pid_file)
  const port = await freePort()
  const { child, gone } = launch(['serve', '--host', loopback, '--port', String(port), '--db-path', join(folder, 'dynamodb.sqlite')], pid_file)
  const url = `http://${loopback}:${port}`
  await untilReady(url, gone)
  let stopping = false
  return {
    url,
    crashed: new Promise((resolve) => void gone.then((said) => (stopping ? undefined : resolve(said)))),
    stop: async () => {
      stopping = true
      child.stdin.end()
      await gone
    },
  }
}
