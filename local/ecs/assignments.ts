/** The tasks that were given to one runner host, from the offer to the end. */
import type { ToHost } from './host-messages.ts'

/** What happens to a task that was given to a host. */
export interface TaskObserver {
  started(pid: number): void
  /** `exit_code` 137: the host was killed. Undefined: the container never started, `reason` says why. */
  ended(exit_code: number | undefined, reason: string): void
}

/** A task on its way: it moves to another host if the first does not answer. */
export interface Given {
  readonly task: string
  readonly env: Readonly<Record<string, string>>
  readonly observer: TaskObserver
  /** It was told to stop, perhaps before a host had it. */
  stopped: boolean
}

export interface Assignments {
  readonly size: number
  add(given: Given): void
  /** The host reads its messages now: it gets what was added so far, and from now on at once. */
  open(): void
  stop(task: string): void
  started(task: string, pid: number): void
  ended(task: string, exit_code: number): void
  /** The host is gone. @param why it never ran anything, if so */
  lost(why: string | undefined): void
}

export interface AssignmentsSettings {
  readonly send: (message: ToHost) => void
  /** A host that has not confirmed a task after this long does not get it. */
  readonly unanswered_ms: number
  readonly unanswered: (given: Given) => void
  /** Told whenever the number of tasks changed. */
  readonly changed: () => void
}

/** SIGKILL, as a shell counts it. */
const killed_exit_code = 137
const container_exited = 'Essential container in task exited'

export const makeAssignments = ({ send, unanswered_ms, unanswered, changed }: AssignmentsSettings): Assignments => {
  const tasks = new Map<string, { readonly given: Given; timer?: NodeJS.Timeout; confirmed: boolean }>()
  let is_open = false
  const remove = (task: string) => {
    const entry = tasks.get(task)
    clearTimeout(entry?.timer)
    tasks.delete(task)
    return entry
  }
  const offer = (given: Given) => {
    const { task } = given
    send({ type: 'run', task, env: { ...given.env } })
    if (given.stopped) send({ type: 'stop', task })
    return setTimeout(() => {
      // It may wake up and read its mail: the order to stop comes right after the order to run, and its claim is then refused.
      send({ type: 'stop', task })
      remove(task)
      unanswered(given)
      changed()
    }, unanswered_ms)
  }
  const finish = (task: string, exit_code: number | undefined, reason: string) => {
    remove(task)?.given.observer.ended(exit_code, reason)
    changed()
  }
  return {
    get size() {
      return tasks.size
    },
    add: (given) => void tasks.set(given.task, { given, confirmed: false, ...(is_open ? { timer: offer(given) } : {}) }),
    open: () => {
      is_open = true
      for (const entry of tasks.values()) entry.timer = offer(entry.given)
    },
    stop: (task) => {
      const entry = tasks.get(task)
      if (entry === undefined) return
      entry.given.stopped = true
      if (is_open) send({ type: 'stop', task })
    },
    started: (task, pid) => {
      const entry = tasks.get(task)
      if (entry === undefined) return
      entry.confirmed = true
      clearTimeout(entry.timer)
      entry.given.observer.started(pid)
    },
    ended: (task, exit_code) => finish(task, exit_code, container_exited),
    lost: (why) => {
      for (const [task, { confirmed }] of tasks) {
        if (confirmed || why === undefined) finish(task, killed_exit_code, container_exited)
        else finish(task, undefined, `CannotStartContainerError: ${why}`)
      }
    },
  }
}
