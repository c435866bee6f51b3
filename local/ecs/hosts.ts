/** The runner hosts: started when needed, one kept warm, the others ended when they have been idle. */
import type { Given, TaskObserver } from './assignments.ts'
import { startHost, type Host, type HostSettings } from './host.ts'

export interface HostsSettings extends HostSettings {
  /** Attempts at a time in one host. */
  readonly slots: number
  /** A host beyond the warm one ends after being idle this long. */
  readonly idle_ms: number
}

export interface Placement {
  /** SIGTERM to the container. */
  stop(): void
  /** SIGKILL. Its neighbours in the host die with it: STOPPED must mean gone, and a runner that ignores SIGTERM is a bug. */
  kill(): void
}

export interface Hosts {
  run(task: string, env: Readonly<Record<string, string>>, observer: TaskObserver): Placement
  /** Starts the warm host. */
  warm(): void
  /** Ends all, with whatever runs in them. */
  stop(): Promise<void>
}

/** Ends hosts that stay spare for `idle_ms`. */
const makeIdleTimers = (idle_ms: number) => {
  const timers = new Map<Host, NodeJS.Timeout>()
  return {
    settle: (spare: readonly Host[]) => {
      for (const [host, timer] of timers) {
        if (spare.includes(host)) continue
        clearTimeout(timer)
        timers.delete(host)
      }
      for (const host of spare) if (!timers.has(host)) timers.set(host, setTimeout(() => host.end(), idle_ms).unref())
    },
  }
}

const leastLoaded = (hosts: readonly Host[]): Host | undefined =>
  hosts.reduce<Host | undefined>((best, one) => (best === undefined || one.load < best.load ? one : best), undefined)

export const makeHosts = (settings: HostsSettings): Hosts => {
  const hosts = new Set<Host>()
  const placed = new Map<string, Host>()
  const idle = makeIdleTimers(settings.idle_ms)
  let stopping = false
  /** A runner that cannot be loaded is tried again with the next task, not at once and forever. */
  let broken = false

  const start = (): Host => {
    const host: Host = startHost(settings, { passOn: (given) => place(given), changed: () => settle() })
    hosts.add(host)
    void host.gone.then(() => {
      hosts.delete(host)
      broken = !host.ready
      settle()
    })
    return host
  }
  const openHosts = () => [...hosts].filter((host) => host.open)
  const place = (given: Given) => {
    const host = leastLoaded(openHosts().filter((one) => one.load < settings.slots)) ?? start()
    placed.set(given.task, host)
    host.run(given)
    settle()
  }
  /** Keeps one host warm, ends those that do not answer once nothing runs in them, and those that nobody needs. */
  const settle = () => {
    if (stopping) return
    for (const host of hosts) if (!host.open && host.load === 0) host.kill()
    const open = openHosts()
    if (open.length === 0 && !broken) start()
    const empty = open.filter((host) => host.load === 0)
    idle.settle(empty.slice(empty.length === open.length ? 1 : 0))
  }
  return {
    run: (task, env, observer) => {
      const ended: TaskObserver['ended'] = (exit_code, reason) => {
        placed.delete(task)
        observer.ended(exit_code, reason)
      }
      place({ task, env, observer: { started: observer.started, ended }, stopped: false })
      return { stop: () => placed.get(task)?.stop(task), kill: () => placed.get(task)?.kill() }
    },
    warm: settle,
    stop: async () => {
      stopping = true
      idle.settle([])
      for (const host of hosts) host.kill()
      await Promise.all([...hosts].map((host) => host.gone))
    },
  }
}
