/** The measurements of `npm run bench:start`. */
import { join } from 'node:path'
import type { Client } from '../client/client.ts'
import { inFlight, keepWindow, livesOf, post, postMany, type Life } from './load.ts'
import { perTask, readMeter, totalOf, usedBetween, type Uses } from './meter.ts'
import { cpuPerTask, treeCpu, type TreeCpu } from './process-tree.ts'
import { pause, type BenchStack } from './stack.ts'
import { spread, type Spread } from './statistics.ts'

export interface InFlightResult {
  readonly in_flight: number
  readonly tasks: number
  /** Tasks that took more than one attempt, and that were not done; their times are left out. */
  readonly retried: number
  readonly failed: number
  /** The POST, at the client. */
  readonly accept_ms: Spread
  /** From acceptance to the attempt's place in the class. */
  readonly admitted_ms: Spread
  /** From acceptance to the claim of the runner in its sandbox. */
  readonly launched_ms: Spread
  readonly life_ms: Spread
  readonly tasks_per_s: number
  /** Of the stack and all that it starts, by program, and of the client that follows the tasks, in milliseconds. Empty where there is no /proc. */
  readonly cpu_ms: TreeCpu
  readonly per_task: Uses
}

export interface LineResult {
  readonly in_line: number
  readonly write_units: number
  readonly read_units: number
  readonly table_requests: number
}

/** What tasks cause. The sweep works by the minute and not by the task. */
const byTasks = (uses: Uses): Uses => Object.fromEntries(Object.entries(uses).filter(([name]) => name !== 'sweep'))

/** Metered functions write their totals at most this much later. */
const meter_settles_ms = 1_200
const settled = async (stack: BenchStack): Promise<Uses> => {
  await pause(meter_settles_ms)
  const uses = await readMeter(join(stack.folder, 'logs'))
  if (totalOf(uses, 'invocations') === 0 || totalOf(uses, 'calls') === 0)
    throw new Error('the functions of the stack are not metered: their logs hold no totals')
  return uses
}

const calibration_polls = 20

/** What the api function uses for one poll of an instance: it is taken off what a measurement used. */
const costOfPoll = async (stack: BenchStack, class_key: string): Promise<Uses> => {
  const before = await settled(stack)
  for (let polls = 0; polls < calibration_polls; polls += 1) await inFlight(stack.client, class_key)
  return perTask(usedBetween(before, await settled(stack)), calibration_polls)
}

/** `used` without `polls` polls. */
const withoutPolls = (used: Uses, poll: Uses, polls: number): Uses => {
  const { api } = used
  const cost = poll['api']
  if (api === undefined || cost === undefined) return used
  return {
    ...used,
    api: {
      ...api,
      invocations: api.invocations - cost.invocations * polls,
      busy_ms: api.busy_ms - cost.busy_ms * polls,
      calls: api.calls - cost.calls * polls,
      read_units: api.read_units - cost.read_units * polls,
    },
  }
}

const tasksPerSecond = (lives: readonly Life[]): number => {
  const begin = Math.min(...lives.map((life) => life.accepted_at_ms))
  const end = Math.max(...lives.map((life) => life.accepted_at_ms + life.finished_ms))
  return lives.length / ((end - begin) / 1_000)
}

/** The client is the benchmark's own process: it shares the machine with the stack. */
const cpuOf = async (stack: BenchStack): Promise<TreeCpu> => {
  if (process.platform !== 'linux') return {}
  const { user, system } = process.cpuUsage()
  return { ...(await treeCpu(stack.pid)), client: (user + system) / 1_000 }
}

const createNoop = async (client: Client, agent_key: string, concurrency: number) =>
  client.agents.create({ agent_key, config: { runner: 'process', command: ['true'], concurrency } })

const warm_up_tasks = 20

/** No-op tasks with `in_flight` of them in flight at all times. */
export const measureInFlight = async (stack: BenchStack, in_flight: number, tasks: number): Promise<InFlightResult> => {
  const { client } = stack
  const agent = await createNoop(client, `noop-${in_flight}`, in_flight)
  const command = { agent_id: agent.id, message: 'nothing' }
  const poll_ms = in_flight === 1 ? 40 : 100
  const warm = await keepWindow(client, command, in_flight, Math.max(warm_up_tasks, in_flight), poll_ms)
  const poll = await costOfPoll(stack, warm.accepted[0]?.class_key ?? '')
  const before = await settled(stack)
  const cpu_before = await cpuOf(stack)
  const { accepted, polls } = await keepWindow(client, command, in_flight, tasks, poll_ms)
  const cpu_ms = cpuPerTask(cpu_before, await cpuOf(stack), tasks)
  const used = withoutPolls(byTasks(usedBetween(before, await settled(stack))), poll, polls)
  const { lives, retried, failed } = await livesOf(
    client,
    accepted.map(({ task_id }) => task_id),
  )
  return {
    in_flight,
    tasks,
    retried,
    failed,
    accept_ms: spread(accepted.map(({ accept_ms }) => accept_ms)),
    admitted_ms: spread(lives.map((life) => life.admitted_ms)),
    launched_ms: spread(lives.map((life) => life.started_ms)),
    life_ms: spread(lives.map((life) => life.finished_ms)),
    tasks_per_s: tasksPerSecond(lives),
    cpu_ms,
    per_task: perTask(used, tasks),
  }
}

const until = async (what: string, within_ms: number, holds: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + within_ms
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what} did not come about within ${within_ms / 1_000} s`)
    await pause(500)
  }
}

/** A program that blocks its class when the message says so. */
const gate_command = ['sh', '-c', 'read -r word; case "$word" in hold) sleep 7200 ;; esac; true']
const gate_timeout_ms = 7_200_000
const drain_within_ms = 300_000
const posts_at_once = 16

const running = async (client: Client, task_id: string): Promise<boolean> => {
  const task = await client.tasks.get(task_id)
  return task.target_run_id !== undefined && (await client.runs.get(task.target_run_id)).status === 'running'
}

/** A class of limit 1 whose line grows behind a task that holds the only place. */
const makeLine = async (stack: BenchStack) => {
  const { client } = stack
  const agent = await client.agents.create({ agent_key: 'line', config: { runner: 'process', command: gate_command, concurrency: 1 } })
  const command = { agent_id: agent.id, message: 'go', timeout_ms: gate_timeout_ms }
  let holder = await post(client, { ...command, message: 'hold', priority: 'urgent' })
  await until('the holding task', 60_000, () => running(client, holder.task_id))
  let filled = 0
  return {
    fillTo: async (in_line: number) => {
      await postMany(client, { ...command, priority: 'low' }, in_line - filled, posts_at_once)
      filled = in_line
    },
    /**
     * Accepts `tasks`, then lets them through and blocks the line again: what both took. What the api function does meanwhile is
     * polling and cancelling, no part of it. Between the two holders lies one more whole life.
     */
    passThrough: async (tasks: number): Promise<readonly Uses[]> => {
      const before = await settled(stack)
      await postMany(client, { ...command, priority: 'high' }, tasks, posts_at_once)
      const next = await post(client, { ...command, message: 'hold', priority: 'high' })
      const posted = await settled(stack)
      await client.tasks.cancel(holder.task_id)
      await until('the drain of the line', drain_within_ms, () => running(client, next.task_id))
      const { api: _, ...drained } = byTasks(usedBetween(posted, await settled(stack)))
      holder = next
      return [byTasks(usedBetween(before, posted)), drained]
    },
  }
}

/** Units of a task's whole life with so many others in line. */
export const measureLine = async (
  stack: BenchStack,
  depths: readonly number[],
  tasks: number,
  tell: (text: string) => void,
): Promise<readonly LineResult[]> => {
  const line = await makeLine(stack)
  const results: LineResult[] = []
  for (const in_line of depths) {
    tell(`filling a line with ${in_line} tasks`)
    await line.fillTo(in_line)
    tell(`letting ${tasks} tasks through it`)
    const parts = await line.passThrough(tasks)
    const perLife = (figure: 'write_units' | 'read_units' | 'calls') => parts.reduce((sum, uses) => sum + totalOf(uses, figure), 0) / (tasks + 1)
    results.push({ in_line, write_units: perLife('write_units'), read_units: perLife('read_units'), table_requests: perLife('calls') })
  }
  return results
}
