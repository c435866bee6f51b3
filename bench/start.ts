/** `npm run bench:start`: no-op work through a fresh local stack. See bench/README.md. */
import { readFile, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { measureInFlight, measureLine, type InFlightResult } from './measure.ts'
import { treeMemory, type TreeMemory } from './process-tree.ts'
import { pricePerMillion } from './price.ts'
import { replaceBetweenMarkers } from './readme.ts'
import { reportOf, type BenchResult, type Machine } from './report.ts'
import { pause, startBenchStack, type BenchStack } from './stack.ts'

const usage = `npm run bench:start [-- options]
  --json      print the figures as JSON
  --readme    write the table between the markers in README.md
  --quick     fewer tasks and shorter lines: to see that it works, not for figures`

/** Tasks measured at each number in flight, tasks let through each line, and the lengths of the lines. */
const sizes = {
  full: {
    in_flight: [
      { at_once: 1, tasks: 100 },
      { at_once: 50, tasks: 1_000 },
    ],
    through_line: 100,
    lines: [10, 1_000, 10_000],
  },
  quick: {
    in_flight: [
      { at_once: 1, tasks: 10 },
      { at_once: 10, tasks: 50 },
    ],
    through_line: 10,
    lines: [10, 100],
  },
} as const

/** After its start the stack loads what it loads lazily; then it is idle. */
const idle_after_ms = 8_000

const machineOf = (): Machine => {
  const all = cpus()
  return {
    cpu: all[0]?.model.trim() ?? 'an unknown processor',
    cores: all.length,
    memory_gb: totalmem() / 1e9,
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
  }
}

const idleMemory = async (stack: BenchStack): Promise<TreeMemory | undefined> => {
  if (process.platform !== 'linux') return undefined
  await pause(idle_after_ms)
  return treeMemory(stack.pid)
}

const tell = (text: string) => void process.stderr.write(`${text}\n`)

const measure = async (stack: BenchStack, size: (typeof sizes)['full' | 'quick']): Promise<BenchResult> => {
  const idle_memory = await idleMemory(stack)
  const in_flight: InFlightResult[] = []
  for (const { at_once, tasks } of size.in_flight) {
    tell(`${tasks} tasks, ${at_once} in flight`)
    in_flight.push(await measureInFlight(stack, at_once, tasks))
  }
  const line = await measureLine(stack, size.lines, size.through_line, tell)
  return {
    measured_at: new Date().toISOString(),
    machine: machineOf(),
    ready_ms: stack.ready_ms,
    ...(idle_memory === undefined ? {} : { idle_memory }),
    in_flight,
    line,
    price: pricePerMillion(in_flight[0]?.per_task ?? {}),
  }
}

const readme = fileURLToPath(new URL('../README.md', import.meta.url))

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      readme: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return void process.stdout.write(`${usage}\n`)
  tell('starting a fresh local stack')
  const stack = await startBenchStack()
  const stopOnSignal = () => void stack.stop().then(() => process.exit(130))
  process.once('SIGINT', stopOnSignal)
  try {
    const result = await measure(stack, values.quick ? sizes.quick : sizes.full)
    process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${reportOf(result)}\n`)
    if (values.readme) await writeFile(readme, replaceBetweenMarkers(await readFile(readme, 'utf8'), reportOf(result)))
  } finally {
    process.off('SIGINT', stopOnSignal)
    await stack.stop()
  }
}

await main()
