/** The local stack for tests: a process of its own in a folder of its own, stopped, killed and started again at will. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { until } from './api.ts'

export interface StackOptions {
  /** Fires the template's schedules this often instead. */
  readonly sweep_every_ms?: number
  readonly lease_ms?: number
  readonly heartbeat_ms?: number
  /** Other parameters of the template. */
  readonly parameters?: Readonly<Record<string, string>>
  /** RunTask beyond this many a second is throttled. */
  readonly launches_per_s?: number
  /** A cdk synth output to run. */
  readonly template?: string
  /** Beside the test's own environment; undefined takes a name away. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

const Local = z.strictObject({ api_url: z.string(), api_key: z.string(), workspace_id: z.string() })
const Endpoints = z.strictObject({
  api: z.string(),
  dynamodb: z.string(),
  sqs: z.string(),
  s3: z.string(),
  ecs: z.string(),
  scheduler: z.string(),
  table: z.string(),
  process_id: z.int(),
})

export interface TestStack extends z.infer<typeof Local> {
  /** The folder with everything that lasts, and the logs. */
  readonly data_dir: string
  /** Addresses of the parts, for tests that look behind the API. */
  readonly endpoints: z.infer<typeof Endpoints>
  /** Process ids of the stack and everything that it has started, agents included. */
  processes(): Promise<readonly number[]>
  /** Sends a signal to every runner host and gives their process ids. */
  killRunners(signal: NodeJS.Signals): Promise<readonly number[]>
  /** SIGKILL to the stack and everything that it has started. */
  kill9(): Promise<void>
  /** Starts again in the same folder, on the same port. The stack must have ended. */
  restart(): Promise<void>
  /** As Ctrl-C would. Gives the exit code. */
  interrupt(): Promise<number | null>
  /** Ends it, if it runs, and deletes its folder. */
  stop(): Promise<void>
}

const root = fileURLToPath(new URL('../..', import.meta.url))

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = z.looseObject({ port: z.int() }).parse(server.address())
  server.close()
  await once(server, 'close')
  return port
}

/** Parent and command line of every process, from /proc. */
const processTable = async (): Promise<ReadonlyMap<number, { readonly parent: number; readonly command: string }>> => {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0)
  const read = async (pid: number) => {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const [state = '', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')
    return [pid, { parent: state === 'Z' ? 0 : Number(parent), command }] as const
  }
  const entries = await Promise.all(pids.map(async (pid) => read(pid).catch(() => undefined)))
  return new Map(entries.filter((entry) => entry !== undefined))
}

/** A process and all that descend from it. */
const treeOf = async (pid: number): Promise<readonly { readonly pid: number; readonly command: string }[]> => {
  const table = await processTable()
  const found = [pid]
  for (const ancestor of found) for (const [child, { parent }] of table) if (parent === ancestor) found.push(child)
  return found.flatMap((one) => {
    const entry = table.get(one)
    return entry === undefined ? [] : [{ pid: one, command: entry.command }]
  })
}

const kill = (pid: number, signal: NodeJS.Signals) => {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}

const argumentsOf = (data: string, port: number, options: StackOptions): readonly string[] => {
  const parameters = {
    ...(options.lease_ms === undefined ? {} : { LeaseMs: String(options.lease_ms) }),
    ...(options.heartbeat_ms === undefined ? {} : { HeartbeatMs: String(options.heartbeat_ms) }),
    ...options.parameters,
  }
  const flags = [
    ['--data', data],
    ['--port', String(port)],
    ['--host-label', 'test'],
    ...Object.entries(parameters).map(([name, value]) => ['--parameters', `${name}=${value}`]),
    ...(options.sweep_every_ms === undefined ? [] : [['--sweep-every-ms', String(options.sweep_every_ms)]]),
    ...(options.launches_per_s === undefined ? [] : [['--launches-per-s', String(options.launches_per_s)]]),
    ...(options.template === undefined ? [] : [['--template', options.template]]),
  ]
  return ['local/main.ts', ...flags.flat()]
}

interface Running {
  readonly child: ChildProcess
  /** Everything it has said, for the message when it does not start. */
  said(): string
}

const launch = (data: string, port: number, options: StackOptions): Running => {
  // Without a key, whatever the machine has: tests talk to the scripted model.
  const env = { ...process.env, ANTHROPIC_API_KEY: undefined, ANTHROPIC_AUTH_TOKEN: undefined, CLAUDE_CODE_USE_BEDROCK: undefined, ...options.env }
  const child = spawn(process.execPath, argumentsOf(data, port, options), { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true })
  // A test run that is cut off must leave no stack behind: it ends when this channel does.
  child.channel?.unref()
  let said = ''
  const hear = (chunk: unknown) => {
    said = `${said}${String(chunk)}`.slice(-20_000)
  }
  child.stdout?.on('data', hear)
  child.stderr?.on('data', hear)
  return { child, said: () => said }
}

const ended = async ({ child }: Running): Promise<number | null> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode
}

/** The stack has written this file when health answered 200. */
const untilReady = async (data: string, running: Running): Promise<z.infer<typeof Local>> =>
  until(
    'the start of the local stack',
    async () => {
      if (running.child.exitCode !== null) return 'ended' as const
      return Local.parse(JSON.parse(await readFile(join(data, 'local.json'), 'utf8')))
    },
    120_000,
  ).then((local) => {
    if (local === 'ended') throw new Error(`the local stack ended:\n${running.said()}`)
    return local
  })

/** Starts a stack and waits until it is ready. */
export const startStack = async (options: StackOptions = {}): Promise<TestStack> => {
  const data = await mkdtemp(join(tmpdir(), 'lanekeeper-'))
  const port = await freePort()
  const start = async () => {
    // Left by the stack that ran before: it would look ready at once.
    await rm(join(data, 'local.json'), { force: true })
    const running = launch(data, port, options)
    const local = await untilReady(data, running)
    return { running, local, endpoints: Endpoints.parse(JSON.parse(await readFile(join(data, 'endpoints.json'), 'utf8'))) }
  }
  let current = await start()
  const tree = async () => treeOf(current.running.child.pid ?? 0)
  const kill9 = async () => {
    const all = await tree()
    // The parent first: it must not see its children die and act on it.
    for (const { pid } of all) kill(pid, 'SIGKILL')
    await ended(current.running)
  }
  const interrupt = async () => {
    current.running.child.kill('SIGINT')
    return ended(current.running)
  }
  return {
    data_dir: data,
    get api_url() {
      return current.local.api_url
    },
    get api_key() {
      return current.local.api_key
    },
    get workspace_id() {
      return current.local.workspace_id
    },
    get endpoints() {
      return current.endpoints
    },
    processes: async () => (await tree()).map(({ pid }) => pid),
    killRunners: async (signal) => {
      const hosts = (await tree()).filter(({ command }) => command.includes('ecs/runner-host.ts')).map(({ pid }) => pid)
      for (const pid of hosts) kill(pid, signal)
      return hosts
    },
    kill9,
    restart: async () => {
      current = await start()
    },
    interrupt,
    stop: async () => {
      const { child } = current.running
      // A frozen process would not hear it.
      if (child.exitCode === null && child.signalCode === null) {
        for (const { pid } of await tree()) kill(pid, 'SIGCONT')
        await interrupt()
      }
      await rm(data, { recursive: true, force: true })
    },
  }
}
