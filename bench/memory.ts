/** Memory of a process and everything below it, from /proc. Linux only. */
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
