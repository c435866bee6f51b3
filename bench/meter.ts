/**
 * What each function has done and consumed since the stack started, from the totals that metered functions write to their logs
 * (LANEKEEPER_CAPACITY=1). Units are as the table reports them: a transaction costs
 * twice, an index write is a write. A write whose condition failed is charged on AWS and not reported.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'

/** Written by the function: what its calls to the table consumed. */
const CapacityTotals = z.looseObject({ meter: z.literal('capacity'), instance: z.string(), calls: z.int(), read_units: z.number(), write_units: z.number() })
/** Written by the Lambda host: invocations that ended, the queue messages they carried, and their wall time. */
const InvocationTotals = z.looseObject({
  meter: z.literal('invocations'),
  instance: z.string(),
  invocations: z.int(),
  records: z.int(),
  busy_ms: z.number(),
  memory_mib: z.number(),
})
const MeterLine = z.discriminatedUnion('meter', [CapacityTotals, InvocationTotals])
type MeterLine = z.infer<typeof MeterLine>

export interface FunctionUse {
  readonly invocations: number
  /** Messages of queues. */
  readonly records: number
  readonly busy_ms: number
  readonly memory_mib: number
  /** Requests to the table. */
  readonly calls: number
  readonly read_units: number
  readonly write_units: number
}
/** By the function's short name, as in `dispatch`. */
export type Uses = Readonly<Record<string, FunctionUse>>

export const no_use: FunctionUse = { invocations: 0, records: 0, busy_ms: 0, memory_mib: 0, calls: 0, read_units: 0, write_units: 0 }

const parseLine = (line: string): MeterLine | undefined => {
  if (!line.includes('"meter"')) return undefined
  try {
    return MeterLine.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}

/** The totals in the text of one function's log: of each of its instances the newest, added up. */
export const useIn = (log: string): FunctionUse => {
  const newest = new Map<string, MeterLine>()
  for (const text of log.split('\n')) {
    const line = parseLine(text)
    if (line !== undefined) newest.set(`${line.meter} ${line.instance}`, line)
  }
  return [...newest.values()].reduce(
    (use, line) =>
      line.meter === 'capacity'
        ? { ...use, calls: use.calls + line.calls, read_units: use.read_units + line.read_units, write_units: use.write_units + line.write_units }
        : {
            ...use,
            invocations: use.invocations + line.invocations,
            records: use.records + line.records,
            busy_ms: use.busy_ms + line.busy_ms,
            memory_mib: line.memory_mib,
          },
    no_use,
  )
}

const function_names = ['attempt-events', 'cron-fire', 'runner-api', 'dispatch', 'sweep', 'wake', 'api'] as const
const letters = (text: string): string => text.toLowerCase().replaceAll(/[^a-z]/g, '')
/** A log is named after its function, in whatever case and with whatever around it. */
const shortName = (file: string): string | undefined => function_names.find((name) => letters(file).includes(letters(name)))

const textOf = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '')

/** The totals of all functions now. A log that has just begun anew has its newest line in the file before. @param folder of the stack's logs */
export const readMeter = async (folder: string): Promise<Uses> => {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.log'))
  const entries = await Promise.all(
    files.map(async (file) => {
      const name = shortName(file)
      return name === undefined ? [] : [[name, useIn((await textOf(join(folder, `${file}.1`))) + (await textOf(join(folder, file))))] as const]
    }),
  )
  return Object.fromEntries(entries.flat())
}

/** What was used from one reading to a later one. */
export const usedBetween = (before: Uses, after: Uses): Uses =>
  Object.fromEntries(
    Object.entries(after).map(([name, now]) => {
      const then = before[name] ?? no_use
      return [
        name,
        {
          invocations: now.invocations - then.invocations,
          records: now.records - then.records,
          busy_ms: now.busy_ms - then.busy_ms,
          memory_mib: now.memory_mib,
          calls: now.calls - then.calls,
          read_units: now.read_units - then.read_units,
          write_units: now.write_units - then.write_units,
        },
      ]
    }),
  )

/** Per task: everything divided by the number of tasks. */
export const perTask = (uses: Uses, tasks: number): Uses =>
  Object.fromEntries(
    Object.entries(uses).map(([name, use]) => [
      name,
      {
        invocations: use.invocations / tasks,
        records: use.records / tasks,
        busy_ms: use.busy_ms / tasks,
        memory_mib: use.memory_mib,
        calls: use.calls / tasks,
        read_units: use.read_units / tasks,
        write_units: use.write_units / tasks,
      },
    ]),
  )

export const totalOf = (uses: Uses, figure: Exclude<keyof FunctionUse, 'memory_mib'>): number => Object.values(uses).reduce((sum, use) => sum + use[figure], 0)
