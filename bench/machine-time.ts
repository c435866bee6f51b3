/** What the processors of the machine have done, all programs and the kernel together. Linux only. */
import { readFile } from 'node:fs/promises'

/** Linux counts time in ticks of 10 ms (USER_HZ). */
const tick_ms = 10

/** Busy time in the text of /proc/stat, in milliseconds: user, nice, system, irq and softirq of proc(5), not idle, not waiting, not stolen. */
export const busyIn = (stat: string): number => {
  const [, user = '0', nice = '0', system = '0', , , irq = '0', softirq = '0'] = (stat.split('\n')[0] ?? '').split(/\s+/)
  return [user, nice, system, irq, softirq].reduce((sum, ticks) => sum + Number(ticks), 0) * tick_ms
}

/**
 * Time that the machine's processors spend while `work` runs. It holds what no process is charged for, as the making and clearing away of
 * namespaces, and whatever else the machine does: it wants to be idle otherwise.
 */
export const machineTime = async (work: () => Promise<unknown>): Promise<number> => {
  const before = busyIn(await readFile('/proc/stat', 'utf8'))
  await work()
  return busyIn(await readFile('/proc/stat', 'utf8')) - before
}
