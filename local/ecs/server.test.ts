import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DescribeTasksCommand, ECSClient, ListTasksCommand, RunTaskCommand, StopTaskCommand, type RunTaskCommandInput } from '@aws-sdk/client-ecs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { BusEvent } from '../events/bus.ts'
import { AwsError } from '../net/aws-json.ts'
import { listen, type HttpHandler, type Listener } from '../net/listen.ts'
import type { TaskDefinition } from './definitions.ts'
import { makeHosts, type Hosts } from './hosts.ts'
import { ecsHandler } from './server.ts'
import { makeTasks } from './tasks.ts'

/** An attempt that does what its environment says. */
const attempt = `
import { appendFileSync } from 'node:fs'
export const runAttempt = async ({ env, signal }) => {
  if (env.DO === 'throw') throw new Error('no')
  if (env.DO === 'report') { appendFileSync(env.REPORT, JSON.stringify({ env, process: process.env })); return 0 }
  if (env.DO === 'obey') { await new Promise((resolve) => { if (signal.aborted) resolve(); signal.addEventListener('abort', resolve) }); return 143 }
  if (env.DO === 'ignore') await new Promise((resolve) => setTimeout(resolve, 600_000))
  return Number(env.DO ?? 0)
}`

const cluster = { arn: 'arn:aws:ecs:us-east-1:000000000000:cluster/c', name: 'c' }
const definition: TaskDefinition = {
  arn: 'arn:aws:ecs:us-east-1:000000000000:task-definition/lanekeeper-rw:1',
  family: 'lanekeeper-rw',
  cpu: '1024',
  memory: '2048',
  containers: [
    { name: 'agent', stop_timeout_ms: 1_000, environment: {}, secrets: [] },
    { name: 'runner', stop_timeout_ms: 300, environment: { FROM: 'definition', BOTH: 'definition', MACHINE: 'definition' }, secrets: ['KEY', 'UNSET'] },
  ],
}

let folder: string
let hosts: Hosts
let listener: Listener
let ecs: ECSClient
let refusal: AwsError | undefined
const events: BusEvent[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanekeeper-ecs-'))
  const module_path = join(folder, 'attempt.mjs')
  await writeFile(module_path, attempt)
  const environment = { PATH: process.env['PATH'] ?? '' }
  hosts = makeHosts({ attempt_module: pathToFileURL(module_path).href, environment, log: () => undefined, unanswered_ms: 1_000, slots: 2, idle_ms: 200 })
  const behind: { handler?: HttpHandler } = {}
  listener = await listen(async (request, response) => behind.handler?.(request, response))
  const tasks = makeTasks({ hosts, bus: { put: (event) => void events.push(event) }, now: Date.now, stopped_max: 100 })
  behind.handler = ecsHandler({
    cluster,
    definitions: new Map([[definition.arn, definition]]),
    tasks,
    now: Date.now,
    secrets: { KEY: 'secret' },
    environment: { MACHINE: 'this' },
    url: listener.url,
    refusal: () => refusal,
  })
  ecs = new ECSClient({ endpoint: listener.url, region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' }, maxAttempts: 1 })
  refusal = undefined
  events.length = 0
})
afterEach(async () => {
  ecs.destroy()
  await hosts.stop()
  await listener.close()
  await rm(folder, { recursive: true, force: true })
})

const run = async (doing: string, more: Partial<RunTaskCommandInput> = {}, env: Record<string, string> = {}) => {
  const environment = Object.entries({ DO: doing, ...env }).map(([name, value]) => ({ name, value }))
  const input = { cluster: cluster.arn, taskDefinition: definition.arn, overrides: { containerOverrides: [{ name: 'runner', environment }] }, ...more }
  const { tasks } = await ecs.send(new RunTaskCommand(input))
  return tasks?.[0]?.taskArn ?? ''
}
const describeTask = async (arn: string) => (await ecs.send(new DescribeTasksCommand({ cluster: cluster.name, tasks: [arn] }))).tasks?.[0]
const runnerOf = async (arn: string) => (await describeTask(arn))?.containers?.find(({ name }) => name === 'runner')
const patiently = { timeout: 15_000, interval: 20 }
const untilStatus = (arn: string, status: string) => expect.poll(async () => (await describeTask(arn))?.lastStatus, patiently).toBe(status)
const statuses = (arn: string) => events.filter(({ resources }) => resources[0] === arn).map(({ detail }) => [detail['lastStatus'], detail['version']])

test('a task runs and its exit code is told, with an event for every change', async () => {
  const arn = await run('7', { startedBy: 'ws/run/1' })
  await untilStatus(arn, 'STOPPED')
  expect(await describeTask(arn)).toMatchObject({ stopCode: 'EssentialContainerExited', startedBy: 'ws/run/1', group: 'family:lanekeeper-rw' })
  expect((await runnerOf(arn))?.exitCode).toBe(7)
  expect(statuses(arn)).toEqual([
    ['PENDING', 1],
    ['RUNNING', 2],
    ['STOPPED', 3],
  ])
  expect(events.at(-1)?.detail).toMatchObject({
    clusterArn: cluster.arn,
    startedBy: 'ws/run/1',
    group: 'family:lanekeeper-rw',
    containers: [{ name: 'agent' }, { name: 'runner', exitCode: 7 }],
    overrides: { containerOverrides: [{ name: 'runner' }] },
  })
})

test('the container’s environment is definition, machine, secrets, overrides, and none of it is the process’s', async () => {
  const report = join(folder, 'report.json')
  const arn = await run('report', {}, { REPORT: report, BOTH: 'override' })
  await untilStatus(arn, 'STOPPED')
  const { env, process: own } = JSON.parse(await readFile(report, 'utf8'))
  expect(env).toMatchObject({ MACHINE: 'this', FROM: 'definition', BOTH: 'override', KEY: 'secret' })
  expect(env).not.toHaveProperty('UNSET')
  expect(Object.keys(own).filter((name) => ['KEY', 'FROM', 'MACHINE', 'DO'].includes(name))).toEqual([])
  const metadata = await (await fetch(`${env.ECS_CONTAINER_METADATA_URI_V4}/task`)).json()
  expect(metadata).toMatchObject({ TaskARN: arn })
})

test('a client token launches once; with another request it is a conflict that names the task', async () => {
  const arn = await run('obey', { clientToken: 'att_1' })
  expect(await run('obey', { clientToken: 'att_1' })).toBe(arn)
  await expect(run('0', { clientToken: 'att_1' })).rejects.toMatchObject({ name: 'ConflictException', resourceIds: [arn] })
  refusal = new AwsError('ThrottlingException', 'Rate exceeded.')
  expect(await run('obey', { clientToken: 'att_1' })).toBe(arn)
  await expect(run('obey', { clientToken: 'att_2' })).rejects.toMatchObject({ name: 'ThrottlingException' })
})

test('a stop is SIGTERM first, and the task ends by itself', async () => {
  const arn = await run('obey')
  await untilStatus(arn, 'RUNNING')
  await ecs.send(new StopTaskCommand({ cluster: cluster.arn, task: arn, reason: 'told to' }))
  await untilStatus(arn, 'STOPPED')
  expect(await describeTask(arn)).toMatchObject({ stopCode: 'UserInitiated', stoppedReason: 'told to' })
  expect((await runnerOf(arn))?.exitCode).toBe(143)
})

test('a runner that does not obey is killed after the container’s stop timeout', async () => {
  const arn = await run('ignore')
  await untilStatus(arn, 'RUNNING')
  await ecs.send(new StopTaskCommand({ cluster: cluster.arn, task: arn }))
  await untilStatus(arn, 'STOPPED')
  expect((await runnerOf(arn))?.exitCode).toBe(137)
})

test('a host that is killed takes its tasks with it, as exit code 137, and the next task runs elsewhere', async () => {
  const arns = [await run('obey'), await run('obey')]
  for (const arn of arns) await untilStatus(arn, 'RUNNING')
  process.kill(Number((await runnerOf(arns[0] ?? ''))?.runtimeId), 'SIGKILL')
  for (const arn of arns) {
    await untilStatus(arn, 'STOPPED')
    expect((await runnerOf(arn))?.exitCode).toBe(137)
  }
  await untilStatus(await run('0'), 'STOPPED')
})

test('a task goes to another host if the first does not answer', async () => {
  const frozen = await run('obey')
  await untilStatus(frozen, 'RUNNING')
  const pid = Number((await runnerOf(frozen))?.runtimeId)
  process.kill(pid, 'SIGSTOP')
  const arn = await run('3')
  await untilStatus(arn, 'STOPPED')
  expect((await runnerOf(arn))?.exitCode).toBe(3)
  expect((await describeTask(frozen))?.lastStatus).toBe('RUNNING')
  process.kill(pid, 'SIGCONT')
  await ecs.send(new StopTaskCommand({ cluster: cluster.arn, task: frozen }))
  await untilStatus(frozen, 'STOPPED')
})

test('hosts take so many tasks each; those that are not needed end', async () => {
  const arns = [await run('obey'), await run('obey'), await run('obey')]
  for (const arn of arns) await untilStatus(arn, 'RUNNING')
  const pids = new Set(await Promise.all(arns.map(async (arn) => Number((await runnerOf(arn))?.runtimeId))))
  expect(pids.size).toBe(2)
  for (const arn of arns) await ecs.send(new StopTaskCommand({ cluster: cluster.arn, task: arn }))
  const alive = () =>
    [...pids].filter((pid) => {
      try {
        return process.kill(pid, 0)
      } catch {
        return false
      }
    }).length
  await expect.poll(alive, patiently).toBe(1)
})

test('a runner that throws is exit code 1', async () => {
  const arn = await run('throw')
  await untilStatus(arn, 'STOPPED')
  expect((await runnerOf(arn))?.exitCode).toBe(1)
})

test('a runner that cannot be loaded is a task that failed to start, and says why', async () => {
  await writeFile(join(folder, 'attempt.mjs'), 'throw new Error("broken at import")')
  const arn = await run('0')
  await untilStatus(arn, 'STOPPED')
  expect(await describeTask(arn)).toMatchObject({ stopCode: 'TaskFailedToStart' })
  expect((await describeTask(arn))?.stoppedReason).toMatch(/CannotStartContainerError[^]*broken at import/)
  expect((await runnerOf(arn))?.exitCode).toBeUndefined()
})

test('tasks are found by who started them; one that is not known is MISSING', async () => {
  const arn = await run('obey', { startedBy: 'ws/run/2' })
  const list = async (startedBy: string, desiredStatus: 'RUNNING' | 'STOPPED' = 'RUNNING') =>
    (await ecs.send(new ListTasksCommand({ cluster: cluster.arn, startedBy, desiredStatus }))).taskArns
  expect(await list('ws/run/2')).toEqual([arn])
  expect(await list('ws/run/3')).toEqual([])
  await ecs.send(new StopTaskCommand({ cluster: cluster.arn, task: arn }))
  expect(await list('ws/run/2')).toEqual([])
  expect(await list('ws/run/2', 'STOPPED')).toEqual([arn])
  const missing = 'arn:aws:ecs:us-east-1:000000000000:task/c/00000000000000000000000000000000'
  const described = await ecs.send(new DescribeTasksCommand({ cluster: cluster.arn, tasks: [missing] }))
  expect(described.failures).toEqual([{ arn: missing, reason: 'MISSING' }])
  await expect(ecs.send(new StopTaskCommand({ cluster: cluster.arn, task: missing }))).rejects.toMatchObject({ name: 'InvalidParameterException' })
})
