/** What a process and everything below it hold in memory and have spent of the processors, from /proc. Linux only. */
import { readdir, readFile } from 'node:fs/promises'

export interface TreeMemory {
  readonly processes: number
  /** Proportional set size: a page that n processes share counts 1/n for each. The honest sum. */
  readonly pss_mb: number
  /** Resident set size: shared pages count once for every process. */
  readonly rss_mb: number
}

const read = async (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined)

/** Process ids with their parents' ids. A process may end while it is read: it is left out. */
const parents = async (proc: string): Promise<Map<number, number>> => {
  const pids = (await readdir(proc)).filter((name) => /^\d+$/.test(name))
  const entries = await Promise.all(
    pids.map(async (pid) => {
      const status = await read(`${proc}/${pid}/status`)
      const ppid = status === undefined ? undefined : /^PPid:\s+(\d+)/m.exec(status)?.[1]
      return ppid === undefined ? [] : [[Number(pid), Number(ppid)] as const]
    }),
  )
  return new Map(entries.flat())
}

/** A process and all its descendants. */
const processTree = async (root: number, proc: string): Promise<readonly number[]> => {
  const by_pid = await parents(proc)
  const tree = new Set([root])
  for (let grown = true; grown;) {
    const found = [...by_pid].filter(([pid, ppid]) => tree.has(ppid) && !tree.has(pid))
    for (const [pid] of found) tree.add(pid)
    grown = found.length > 0
  }
  return [...tree]
}

const kilobytes = (text: string | undefined, field: string): number =>
  Number((text === undefined ? undefined : new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) ?? 0)

/** What a process tree holds in memory now, in MB of 1,000,000 bytes. @param proc where proc is mounted */
export const treeMemory = async (root: number, proc = '/proc'): Promise<TreeMemory> => {
  const pids = await processTree(root, proc)
  const rollups = await Promise.all(pids.map((pid) => read(`${proc}/${pid}/smaps_rollup`)))
  const sum = (field: string) => rollups.reduce((total, text) => total + kilobytes(text, field), 0)
  return { processes: rollups.filter((text) => text !== undefined).length, pss_mb: (sum('Pss') * 1_024) / 1e6, rss_mb: (sum('Rss') * 1_024) / 1e6 }
}

/** Linux counts time in ticks of 10 ms (USER_HZ). */
const tick_ms = 10

/** Time on the processors by program, in milliseconds. What has ended counts as `ended`, from when its parent took note of it. */
export type TreeCpu = Readonly<Record<string, number>>

/** The fields after the program's name, which may itself hold spaces and parentheses: utime, stime, cutime, cstime are 14 to 17 of proc(5). */
const cpuOf = (stat: string): { readonly program: string; readonly own_ms: number; readonly ended_ms: number } => {
  const close = stat.lastIndexOf(')')
  const fields = stat.slice(close + 2).split(' ')
  const ticks = (field: number) => Number(fields[field - 3] ?? 0)
  return { program: stat.slice(stat.indexOf('(') + 1, close), own_ms: (ticks(14) + ticks(15)) * tick_ms, ended_ms: (ticks(16) + ticks(17)) * tick_ms }
}

/** What a process tree has spent since it began. @param proc where proc is mounted */
export const treeCpu = async (root: number, proc = '/proc'): Promise<TreeCpu> => {
  const pids = await processTree(root, proc)
  const stats = await Promise.all(pids.map((pid) => read(`${proc}/${pid}/stat`)))
  const by_program: Record<string, number> = {}
  const add = (name: string, ms: number) => {
    by_program[name] = (by_program[name] ?? 0) + ms
  }
  for (const stat of stats) {
    if (stat === undefined) continue
    const { program, own_ms, ended_ms } = cpuOf(stat)
    add(program, own_ms)
    add('ended', ended_ms)
  }
  return by_program
}

/** What the threads of one process have spent since they began, by their names. A thread that has ended is not in it. @param proc where proc is mounted */
export const threadCpu = async (pid: number, proc = '/proc'): Promise<TreeCpu> => {
  const threads = await readdir(`${proc}/${pid}/task`).catch(() => [])
  const stats = await Promise.all(threads.map((thread) => read(`${proc}/${pid}/task/${thread}/stat`)))
  const by_name: Record<string, number> = {}
  for (const stat of stats) {
    if (stat === undefined) continue
    const { program, own_ms } = cpuOf(stat)
    by_name[program] = (by_name[program] ?? 0) + own_ms
  }
  return by_name
}

/** By program, from one reading to a later one, per task. A process that ended in between moved its share to `ended`. */
export const cpuPerTask = (before: TreeCpu, after: TreeCpu, tasks: number): TreeCpu =>
  Object.fromEntries(Object.entries(after).map(([program, ms]) => [program, (ms - (before[program] ?? 0)) / tasks]))
