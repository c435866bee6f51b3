/** The tasks of the local cluster: PENDING → RUNNING → STOPPED, each change an event on the bus. Nothing outlives the process. */
import type { Bus } from '../events/bus.ts'
import type { Hosts, Placement } from './hosts.ts'
import { runner_container, stateChangeEvent, type Task, type TaskIdentity } from './task.ts'

export interface Tasks {
  /** Starts a task with the environment of its runner container. */
  run(identity: TaskIdentity, env: Readonly<Record<string, string>>): Task
  /** SIGTERM now, SIGKILL after the container's stop timeout. A task that has stopped stays as it is. */
  stop(task: Task, reason: string): void
  find(arn: string): Task | undefined
  all(): Iterable<Task>
  /** How many have not stopped. */
  running(): number
  /** Resolves when no task runs, or after `within_ms`. */
  idle(within_ms: number): Promise<void>
}

export interface TasksSettings {
  readonly hosts: Hosts
  readonly bus: Bus
  readonly now: () => number
  /** How many stopped tasks are remembered. ECS remembers for an hour. */
  readonly stopped_max: number
}

const stopTimeoutOf = (task: Task) => task.definition.containers.find(({ name }) => name === runner_container)?.stop_timeout_ms ?? 30_000

interface Running {
  readonly placement: Placement
  kill_timer?: NodeJS.Timeout
}

/** Whoever waits until nothing runs. */
const makeIdleWaiters = () => {
  const waiting = new Set<() => void>()
  return {
    ring: () => {
      for (const resolve of Array.from(waiting)) resolve()
    },
    wait: (within_ms: number): Promise<void> =>
      new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer)
          waiting.delete(done)
          resolve()
        }
        const timer = setTimeout(done, within_ms)
        waiting.add(done)
      }),
  }
}

const stoppedFields = (task: Task, exit_code: number | undefined, reason: string, now_ms: number): Partial<Task> => ({
  last_status: 'STOPPED',
  desired_status: 'STOPPED',
  stopped_at_ms: now_ms,
  stop_code: task.stop_code ?? (exit_code === undefined ? 'TaskFailedToStart' : 'EssentialContainerExited'),
  stopped_reason: task.stopped_reason ?? reason,
  ...(exit_code === undefined ? {} : { exit_code }),
})

export const makeTasks = ({ hosts, bus, now, stopped_max }: TasksSettings): Tasks => {
  const tasks = new Map<string, Task>()
  const stopped: string[] = []
  const running = new Map<string, Running>()
  const idle = makeIdleWaiters()

  const changed = (task: Task, change: Partial<Task>) => {
    Object.assign(task, change, { version: task.version + 1 })
    bus.put(stateChangeEvent(task, now()))
  }
  const forgetOldest = () => {
    while (stopped.length > stopped_max) tasks.delete(stopped.shift() ?? '')
  }
  const ended = (task: Task, exit_code: number | undefined, reason: string) => {
    clearTimeout(running.get(task.arn)?.kill_timer)
    running.delete(task.arn)
    changed(task, stoppedFields(task, exit_code, reason, now()))
    stopped.push(task.arn)
    forgetOldest()
    if (running.size === 0) idle.ring()
  }
  return {
    run: (identity, env) => {
      const task: Task = { ...identity, last_status: 'PENDING', desired_status: 'RUNNING', version: 1 }
      tasks.set(task.arn, task)
      const placement = hosts.run(task.arn, env, {
        started: (host_pid) => changed(task, { last_status: 'RUNNING', started_at_ms: now(), host_pid }),
        ended: (exit_code, reason) => ended(task, exit_code, reason),
      })
      running.set(task.arn, { placement })
      bus.put(stateChangeEvent(task, now()))
      return task
    },
    stop: (task, reason) => {
      const entry = running.get(task.arn)
      if (entry === undefined || task.desired_status === 'STOPPED') return
      changed(task, { desired_status: 'STOPPED', stop_code: 'UserInitiated', stopped_reason: reason, stopping_at_ms: now() })
      entry.placement.stop()
      entry.kill_timer = setTimeout(() => entry.placement.kill(), stopTimeoutOf(task))
      entry.kill_timer.unref()
    },
    find: (arn) => tasks.get(arn),
    all: () => tasks.values(),
    running: () => running.size,
    idle: async (within_ms) => {
      if (running.size > 0) await idle.wait(within_ms)
    },
  }
}
