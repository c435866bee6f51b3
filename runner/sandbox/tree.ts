/** Signals to a whole tree of processes, and waiting until it is gone, by what /proc says. */
import { readFileSync, readdirSync } from 'node:fs'
import { pause } from '../stop.ts'

interface Stat {
  readonly parent: number
  readonly state: string
}

/**
 * The fields of /proc/<pid>/stat after the name, which may hold anything but is closed by the last parenthesis. The kernel answers from
 * memory, in a fraction of the time that a thread of the pool takes to hear of it.
 */
const readStat = (pid: number): Stat | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return state === undefined || parent === undefined ? undefined : { state, parent: Number(parent) }
  } catch {
    return undefined
  }
}

/** Every process below `root`, without itself. */
const descendants = (root: number): readonly number[] => {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
  const children = new Map<number, number[]>()
  for (const pid of pids) {
    const stat = readStat(pid)
    if (stat !== undefined) children.set(stat.parent, [...(children.get(stat.parent) ?? []), pid])
  }
  const found: number[] = []
  for (let next = children.get(root) ?? []; next.length > 0; next = next.flatMap((pid) => children.get(pid) ?? [])) found.push(...next)
  return found
}

const signalOne = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // It is gone, which is as good.
  }
}

/** Sends a signal to every process below `root`, not to itself: the first process of a namespace ignores what it does not handle. */
export const signalDescendants = (root: number, signal: NodeJS.Signals): void => {
  for (const pid of descendants(root)) signalOne(pid, signal)
}

/** Kills a process: with the first one of a namespace, the kernel kills all in it. */
export const killNow = (pid: number): void => signalOne(pid, 'SIGKILL')

const gone_poll_ms = 2
const gone_within_ms = 5_000

/**
 * Waits until a process is gone or a zombie. The first process of a namespace is a zombie only once all in it are gone.
 * @returns whether it is, for the wait has an end
 */
export const waitGone = async (pid: number): Promise<boolean> => {
  const until_ms = performance.now() + gone_within_ms
  while (performance.now() < until_ms) {
    const stat = readStat(pid)
    if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return true
    await pause(gone_poll_ms)
  }
  return false
}

/** Kills a process, what is below it, and what shares its process group, as far as they can be found. */
export const killTree = (pid: number): void => {
  const below = descendants(pid)
  signalOne(-pid, 'SIGKILL')
  for (const one of [pid, ...below]) killNow(one)
}
