/** `npm run bench:schedules`: many schedules that are due in the same minute. See bench/README.md. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Client } from '../client/client.ts'
import { readMeter, usedBetween, type Uses } from './meter.ts'
import { cpuPerTask, threadCpu, treeCpu, type TreeCpu } from './process-tree.ts'
import { pause, startBenchStack, type BenchStack } from './stack.ts'

const usage = `npm run bench:schedules [-- options]
  --schedules N   due in the same minute                    10000
  --json          print the figures as JSON`

const minute_ms = 60_000
/** What the plane promises (docs/decisions): a tick whose alarm is lost is fired within this. */
const promised_ms = 120_000
const at_once = 16
const sampled = 50

const tell = (text: string) => void process.stderr.write(`${text}\n`)

/** Makes schedules that are due at one minute, some time from now. */
const makeSchedules = async (client: Client, agent_id: string, count: number, at: Date): Promise<readonly string[]> => {
  const cron_expr = `${at.getUTCMinutes()} ${at.getUTCHours()} * * *`
  const ids: string[] = []
  let left = count
  const worker = async () => {
    for (; left > 0;) {
      left -= 1
      const { id } = await client.schedules.create({ agent_id, cron_expr, prompt: 'bench' })
      ids.push(id)
      if (ids.length % 1_000 === 0) tell(`${ids.length} schedules`)
    }
  }
  await Promise.all(Array.from({ length: at_once }, worker))
  return ids
}

/** Fires that the two functions have answered for, by what they wrote; asking the API for each would be a load of its own. */
const firedBy = async (client: Client, ids: readonly string[]): Promise<number> => {
  const step = Math.max(1, Math.floor(ids.length / sampled))
  const some = ids.filter((_, position) => position % step === 0)
  const schedules = await Promise.all(some.map(async (id) => client.schedules.get(id)))
  return schedules.filter(({ last_run_at }) => last_run_at !== undefined).length / some.length
}

/** The time of each tick's row after the tick, for all of them. */
const delaysOf = async (client: Client, ids: readonly string[], at_ms: number): Promise<readonly number[]> => {
  const delays: number[] = []
  for (let from = 0; from < ids.length; from += at_once) {
    const rows = await Promise.all(ids.slice(from, from + at_once).map(async (id) => client.schedules.ticks(id)))
    for (const { items } of rows) {
      const [row, ...others] = items
      if (row?.outcome !== 'fired' || others.length > 0) throw new Error(`a tick was not fired once: ${JSON.stringify(items)}`)
      delays.push(Date.parse(row.decided_at) - at_ms)
    }
  }
  return delays.toSorted((a, b) => a - b)
}

/** By program; of the stack's own process by thread, which are its functions. */
const processorMs = async ({ pid }: BenchStack): Promise<TreeCpu> => {
  const [tree, threads] = await Promise.all([treeCpu(pid), threadCpu(pid)])
  const { lanekeeper: _, ...others } = tree
  return { ...others, ...threads }
}
const totalMs = (cpu: TreeCpu): number => Object.values(cpu).reduce((sum, ms) => sum + ms, 0)

const unitsPerFire = (uses: Uses, count: number) =>
  Object.fromEntries(
    ['cron-fire', 'sweep'].map((name) => [name, { write: (uses[name]?.write_units ?? 0) / count, read: (uses[name]?.read_units ?? 0) / count }]),
  )

const measure = async (stack: BenchStack, count: number) => {
  const { client } = stack
  const [workspace] = (await client.workspaces.list({})).items
  // What is fired waits in line, as where an operator holds a workspace: what it would use is no part of the measure.
  await client.workspaces.update(workspace?.id ?? '', { max_live_attempts: 0 })
  const agent = await client.agents.create({ agent_key: 'bench', config: { runner: 'process', command: ['true'] } })
  const at_ms = Math.ceil((Date.now() + minute_ms + count * 25) / minute_ms) * minute_ms
  const ids = await makeSchedules(client, agent.id, count, new Date(at_ms))
  if (Date.now() > at_ms - 5_000) throw new Error('making the schedules took longer than planned: choose fewer')
  tell(`waiting for ${new Date(at_ms).toISOString()}`)
  await pause(Math.max(0, at_ms - 2_000 - Date.now()))
  const [meter, cpu_ms] = [await readMeter(join(stack.folder, 'logs')), await processorMs(stack)]
  while ((await firedBy(client, ids)) < 1 && Date.now() < at_ms + 10 * minute_ms) await pause(3_000)
  const spent = cpuPerTask(cpu_ms, await processorMs(stack), count)
  const delays = await delaysOf(client, ids, at_ms)
  const last_ms = delays.at(-1) ?? 0
  return {
    schedules: count,
    first_ms: delays[0] ?? 0,
    median_ms: delays[Math.floor(delays.length / 2)] ?? 0,
    last_ms,
    within_promise: delays.filter((delay) => delay <= promised_ms).length / count,
    fires_per_second: Math.round((count / Math.max(1, last_ms)) * 1_000),
    processor_ms_per_fire: totalMs(spent),
    processor_ms_per_fire_by_thread: Object.fromEntries(Object.entries(spent).filter(([, ms]) => ms >= 0.1)),
    units_per_fire: unitsPerFire(usedBetween(meter, await readMeter(join(stack.folder, 'logs'))), count),
  }
}

const reportOf = (result: Awaited<ReturnType<typeof measure>>): string =>
  [
    `${result.schedules} schedules due in the same minute`,
    `  fired after      ${(result.first_ms / 1_000).toFixed(1)} s first, ${(result.median_ms / 1_000).toFixed(1)} s median, ${(result.last_ms / 1_000).toFixed(1)} s last`,
    `  within 2 minutes ${(result.within_promise * 100).toFixed(1)} %`,
    `  fires per second ${result.fires_per_second}`,
    `  processor        ${result.processor_ms_per_fire.toFixed(1)} ms per fire`,
    ...Object.entries(result.processor_ms_per_fire_by_thread).map(([name, ms]) => `    ${name.padEnd(15)} ${ms.toFixed(1)} ms`),
    ...Object.entries(result.units_per_fire).map(
      ([name, { write, read }]) => `  units per fire   ${write.toFixed(1)} write, ${read.toFixed(1)} read in ${name}`,
    ),
  ].join('\n')

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { schedules: { type: 'string', default: '10000' }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  })
  if (values.help) return void process.stdout.write(`${usage}\n`)
  tell('starting a fresh local stack')
  const stack = await startBenchStack()
  const stopOnSignal = () => void stack.stop().then(() => process.exit(130))
  process.once('SIGINT', stopOnSignal)
  try {
    const result = await measure(stack, Number(values.schedules))
    process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${reportOf(result)}\n`)
  } finally {
    process.off('SIGINT', stopOnSignal)
    await stack.stop()
  }
}

await main()
