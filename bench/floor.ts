/** `npm run bench:floor`: what a no-op task takes of the machine, and what its parts take with nothing of Lanekeeper around them. See bench/README.md. */
import { mkdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startDynamoDb, type DynamoDb } from '../local/dynamodb/process.ts'
import { callAws } from '../local/net/aws-call.ts'
import { openBubblewrap } from '../runner/sandbox/bubblewrap.ts'
import type { Bridge, Sandbox } from '../runner/sandbox/sandbox.ts'
import { tableClient } from '../shared/ports/aws/clients.ts'
import { machineTime } from './machine-time.ts'
import { measureInFlight } from './measure.ts'
import { startRelay, writeAgain, type Recorded } from './recorded.ts'
import { pause, startBenchStack } from './stack.ts'

const usage = `npm run bench:floor [-- options]
  --tasks N   measured in each part        500
  --json      print the figures as JSON`

const in_flight = 50
/** Of the parts, as many as keep all processors busy. */
const at_once = 16
const region = 'local'
/** The kernel clears namespaces away after their processes have ended. */
const cleared_away_ms = 2_000

const tell = (text: string) => void process.stderr.write(`${text}\n`)

/** In a temporary folder of its own, which goes when `use` is done. */
const withFolder = async <T>(use: (folder: string) => Promise<T>): Promise<T> => {
  const folder = await mkdtemp(join(tmpdir(), 'lanekeeper-floor-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const withTable = async <T>(use: (table: DynamoDb) => Promise<T>): Promise<T> =>
  withFolder(async (folder) => {
    const table = await startDynamoDb(folder, undefined)
    try {
      return await use(table)
    } finally {
      await table.stop()
    }
  })

const tasksPerSecond = async (tasks: number): Promise<number> => {
  const stack = await startBenchStack()
  try {
    return (await measureInFlight(stack, in_flight, tasks)).tasks_per_s
  } finally {
    await stack.stop()
  }
}

/** What the plane asks of the table in its start and in so many tasks. The warm-up's are among them. */
const record = async (tasks: number): Promise<readonly Recorded[]> =>
  withTable(async ({ url }) => {
    const requests: Recorded[] = []
    const relay = await startRelay(url, (request) => void requests.push(request))
    const stack = await startBenchStack({}, { DYNAMODB_ENDPOINT: relay.url })
    try {
      await measureInFlight(stack, in_flight, tasks)
    } finally {
      await stack.stop()
      await relay.close()
    }
    return requests
  })

/** The same writes through the SDK's client into a table of their own. */
const timeOfWrites = async (requests: readonly Recorded[]): Promise<number> =>
  withTable(async ({ url }) => {
    for (const { operation, input } of requests)
      if (operation === 'CreateTable') await callAws(url, { service: 'dynamodb', region, target: 'DynamoDB_20120810.CreateTable' }, Object(input))
    const client = tableClient({ endpoint: url, region, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } })
    const spent = await machineTime(() => writeAgain(client, requests, at_once))
    client.destroy()
    return spent
  })

/** Starts one in which `true` ends at once. */
const startSandbox = async (sandbox: Sandbox, bridges: readonly Bridge[]): Promise<void> => {
  const { stdin, stdout, stderr, exited } = sandbox.start({ argv: ['true'], env: { PATH: '/usr/bin:/bin' }, cwd: sandbox.paths.workspace, bridges })
  stdin.end()
  stdout.resume()
  stderr.resume()
  const { code, failure } = await exited
  if (code !== 0) throw new Error(`the sandbox ended with ${code}: ${failure ?? ''}`)
}

/** So many sandboxes as such tasks have, all over the same folders. @returns per sandbox */
const timeOfSandbox = async (count: number, bridges: readonly Bridge[]): Promise<number> =>
  withFolder(async (work_dir) => {
    const folders = { workspace: join(work_dir, 'workspace'), home: join(work_dir, 'home'), tmp: join(work_dir, 'tmp'), run: join(work_dir, 'run') }
    for (const folder of Object.values(folders)) mkdirSync(folder)
    const sandbox = openBubblewrap({ folders, agent_binary: undefined, workspace_access: 'rw', work_dir, search_path: process.env['PATH'] })
    let left = count
    const starter = async () => {
      for (left -= 1; left >= 0; left -= 1) await startSandbox(sandbox, bridges)
    }
    const spent = await machineTime(async () => {
      await Promise.all(Array.from({ length: at_once }, starter))
      await pause(cleared_away_ms)
    })
    return spent / count
  })

const measure = async (tasks: number) => {
  const cores = availableParallelism()
  // First, because to fork a process costs the more the larger it is.
  tell(`${tasks} sandboxes, with a way to the network and without`)
  const sandbox_ms = await timeOfSandbox(tasks, [{ port: 3_128, socket: '/run/lanekeeper/egress.sock' }])
  const sandbox_without_network_ms = await timeOfSandbox(tasks, [])
  tell(`${tasks} tasks, ${in_flight} in flight`)
  const tasks_per_s = await tasksPerSecond(tasks)
  tell('the same, with the requests to the table recorded')
  const requests = await record(tasks)
  tell('their writes again')
  const writes_ms = (await timeOfWrites(requests)) / (tasks + in_flight)
  return {
    cores,
    tasks_per_s,
    task_ms: (cores * 1_000) / tasks_per_s,
    writes_ms,
    sandbox_ms,
    sandbox_without_network_ms,
    parts_tasks_per_s: (cores * 1_000) / (writes_ms + sandbox_ms),
  }
}

const reportOf = (result: Awaited<ReturnType<typeof measure>>): string => {
  const row = (name: string, value: number, unit: string) => `${name.padEnd(58)} ${value.toFixed(1).padStart(6)} ${unit}`
  return [
    row(`a task, all ${result.cores} cores busy`, result.task_ms, `ms of the machine, ${result.tasks_per_s.toFixed(1)} tasks/s`),
    row('its writes alone: the SDK and the local table', result.writes_ms, 'ms'),
    row('its sandbox alone: bubblewrap, a way to the network, `true`', result.sandbox_ms, 'ms'),
    row('  without a way to the network', result.sandbox_without_network_ms, 'ms'),
    row('the two together', result.writes_ms + result.sandbox_ms, `ms, which would be ${result.parts_tasks_per_s.toFixed(1)} tasks/s`),
  ].join('\n')
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { tasks: { type: 'string', default: '500' }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  })
  if (values.help) return void process.stdout.write(`${usage}\n`)
  const result = await measure(Number(values.tasks))
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${reportOf(result)}\n`)
}

await main()
