/** The figures as tables in Markdown, which is readable in a terminal too. */
import type { TreeMemory } from './process-tree.ts'
import type { InFlightResult, LineResult } from './measure.ts'
import { no_use, totalOf, type FunctionUse } from './meter.ts'
import type { Price } from './price.ts'
import { markdownTable } from './readme.ts'
import type { Spread } from './statistics.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memory_gb: number
  readonly platform: string
  readonly node: string
}

export interface BenchResult {
  readonly measured_at: string
  readonly machine: Machine
  readonly ready_ms: number
  /** Of the stack after start, before any work. Absent where /proc is not there to ask. */
  readonly idle_memory?: TreeMemory
  readonly in_flight: readonly InFlightResult[]
  readonly line: readonly LineResult[]
  readonly price: Price
}

const ms = ({ p50, p99 }: Spread): string => `${p50.toFixed(0)} / ${p99.toFixed(0)} ms`
const digits = (value: number): string => value.toFixed(1)
const usd = (value: number): string => `$${value.toFixed(2)}`
const thousands = (value: number): string => value.toLocaleString('en-US')

const settingsTable = (results: readonly InFlightResult[]): string =>
  markdownTable([
    ['no-op task', ...results.map(({ in_flight }) => `${in_flight} in flight`)],
    ['tasks measured', ...results.map(({ tasks }) => thousands(tasks))],
    ['of them retried / failed', ...results.map(({ retried, failed }) => `${thousands(retried)} / ${thousands(failed)}`)],
    ['accept, p50 / p99', ...results.map(({ accept_ms }) => ms(accept_ms))],
    ['accept → admitted', ...results.map(({ admitted_ms }) => ms(admitted_ms))],
    ['accept → launched (the runner in the sandbox has claimed it)', ...results.map(({ launched_ms }) => ms(launched_ms))],
    ['accept → done', ...results.map(({ life_ms }) => ms(life_ms))],
    ['tasks/s through their whole life', ...results.map(({ tasks_per_s }) => digits(tasks_per_s))],
    ['processor time per task', ...results.map(cpuTotal)],
    ['requests to the table per task', ...results.map(({ per_task }) => digits(totalOf(per_task, 'calls')))],
    ['write units per task', ...results.map(({ per_task }) => digits(totalOf(per_task, 'write_units')))],
    ['read units per task', ...results.map(({ per_task }) => digits(totalOf(per_task, 'read_units')))],
  ])

const cpuTotal = ({ cpu_ms }: InFlightResult): string => {
  const spent = Object.values(cpu_ms)
  return spent.length === 0 ? '-' : `${spent.reduce((sum, each) => sum + each, 0).toFixed(0)} ms`
}

/** Where the time goes: the stack itself, the database, the hosts of runners, and what was started for one task and has ended. */
const cpuLine = (result: InFlightResult | undefined): string => {
  const parts = Object.entries(result?.cpu_ms ?? {}).toSorted(([, a], [, b]) => b - a)
  return parts.length === 0
    ? ''
    : `Processor time per task with ${result?.in_flight} in flight: ${parts.map(([program, spent]) => `${program} ${spent.toFixed(1)} ms`).join(', ')}.`
}

const functionRow = (name: string, use: FunctionUse): string[] => [
  name,
  digits(use.invocations),
  digits(use.records),
  digits(use.calls),
  digits(use.write_units),
  digits(use.read_units),
]

const functionsTable = ({ per_task }: InFlightResult): string =>
  markdownTable([
    ['per task, by function', 'invocations', 'queue messages', 'table requests', 'write units', 'read units'],
    ...Object.keys(per_task)
      .toSorted()
      .map((name) => functionRow(name, per_task[name] ?? no_use)),
  ])

const lineTable = (results: readonly LineResult[]): string =>
  markdownTable([
    ['per task, with so many others in line', ...results.map(({ in_line }) => thousands(in_line))],
    ['requests to the table', ...results.map(({ table_requests }) => digits(table_requests))],
    ['write units', ...results.map(({ write_units }) => digits(write_units))],
    ['read units', ...results.map(({ read_units }) => digits(read_units))],
  ])

const memoryLine = (memory: TreeMemory | undefined): string =>
  memory === undefined
    ? 'Memory was not measured: this system has no /proc.'
    : `The idle stack holds ${memory.pss_mb.toFixed(0)} MB (PSS of ${memory.processes} processes; RSS ${memory.rss_mb.toFixed(0)} MB).`

const priceLine = (price: Price): string =>
  `The control plane of a million such tasks would cost about ${usd(price.total_usd)} on AWS: DynamoDB ${usd(price.dynamodb_usd)}, Lambda ${usd(price.lambda_usd)}, ` +
  `HTTP API ${usd(price.http_usd)}, SQS ${usd(price.sqs_usd)} (one in flight, so in the smallest batches; prices of \`shared/domain/prices.ts\`).`

/** All of it. What is asked for is what README shows between its markers. */
export const reportOf = (result: BenchResult): string => {
  const { machine } = result
  const busiest = result.in_flight.at(-1)
  return [
    `Measured ${result.measured_at.slice(0, 10)} with \`npm run bench:start\` on ${machine.cores} cores of ${machine.cpu}, ${machine.memory_gb.toFixed(0)} GB, ${machine.platform}, Node ${machine.node}.`,
    settingsTable(result.in_flight),
    cpuLine(busiest),
    ...(busiest === undefined ? [] : [functionsTable(busiest)]),
    ...(result.line.length === 0 ? [] : [lineTable(result.line)]),
    `${memoryLine(result.idle_memory)} It was ready ${(result.ready_ms / 1_000).toFixed(1)} s after its start.`,
    priceLine(result.price),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}
