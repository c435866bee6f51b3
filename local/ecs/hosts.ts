/** The runner hosts: started when needed, one kept warm, the others ended when they have been idle. */
import { startHost, type Host, type HostSettings, type TaskObserver } from './host.ts'

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

export const makeHosts = (settings: HostsSettings): Hosts => {
  const hosts = new Set<Host>()
  const placed = new Map<string, Host>()
  const idle = new Map<Host, NodeJS.Timeout>()
  let stopping = false
  /** A runner that cannot be loaded is tried again with the next task, not at once and forever. */
  let broken = false

  const start = (): Host => {
    const host: Host = startHost(settings, (task, given) => place(task, given.env, given.observer), settle)
    hosts.add(host)
    void host.gone.then(() => {
      hosts.delete(host)
      broken = !host.ready
      settle()
    })
    return host
  }
  const openHosts = () => [...hosts].filter((host) => host.open)
  const place = (task: string, env: Readonly<Record<string, string>>, observer: TaskObserver) => {
    const free = openHosts().filter((host) => host.load < settings.slots)
    const host = free.reduce<Host | undefined>((best, one) => (best === undefined || one.load < best.load ? one : best), undefined) ?? start()
    placed.set(task, host)
    host.run(task, env, {
      started: observer.started,
      ended: (exit_code, reason) => {
        placed.delete(task)
        observer.ended(exit_code, reason)
      },
    })
    settle()
  }
  /** Keeps one host warm, and starts or calls off the idle timers of the others. */
  const settle = () => {
    if (stopping) return
    for (const host of hosts) if (!host.open && host.load === 0) host.kill()
    const open = openHosts()
    if (open.length === 0 && !broken) start()
    const spare = open.filter((host) => host.load === 0).slice(open.every((host) => host.load === 0) ? 1 : 0)
    for (const [host, timer] of idle) {
      if (spare.includes(host)) continue
      clearTimeout(timer)
      idle.delete(host)
    }
    for (const host of spare) {
      if (idle.has(host)) continue
      const timer = setTimeout(() => host.end(), settings.idle_ms)
      timer.unref()
      idle.set(host, timer)
    }
  }
  return {
    run: (task, env, observer) => {
      place(task, env, observer)
      return { stop: () => placed.get(task)?.stop(task), kill: () => placed.get(task)?.kill() }
    },
    warm: settle,
    stop: async () => {
      stopping = true
      for (const timer of idle.values()) clearTimeout(timer)
      for (const host of hosts) host.kill()
      await Promise.all([...hosts].map((host) => host.gone))
    },
  }
}
