/** One runner host process, as the stack sees it. */
import { fork, type ChildProcess } from 'node:child_process'
import { FromHost, type ToHost } from './host-messages.ts'

/** What happens to a task that was given to a host. */
export interface TaskObserver {
  started(pid: number): void
  /** `exit_code` 137: the host was killed. Undefined: the container never started, `reason` says why. */
  ended(exit_code: number | undefined, reason: string): void
}

export interface Host {
  /** Tasks in this host. */
  readonly load: number
  /** It takes tasks: it has not ended, and it answers. */
  readonly open: boolean
  /** It has loaded the runner. */
  readonly ready: boolean
  run(task: string, env: Readonly<Record<string, string>>, observer: TaskObserver): void
  stop(task: string): void
  /** SIGKILL, to it and all in it. */
  kill(): void
  /** Ends it when nothing runs in it. */
  end(): void
  readonly gone: Promise<void>
}

export interface HostSettings {
  /** URL of the module with `runAttempt`; absent: the runner. */
  readonly attempt_module?: string | undefined
  /** The host's own environment: what any program needs, and no secret. */
  readonly environment: Readonly<Record<string, string>>
  readonly log: (text: Uint8Array) => void
  /** A host that has not confirmed a task after this long gets no more, and the task goes to another. */
  readonly unanswered_ms: number
}

interface Given {
  readonly env: Readonly<Record<string, string>>
  readonly observer: TaskObserver
  confirmed: boolean
  timer?: NodeJS.Timeout
}

/** SIGKILL, as a shell counts it. */
const killed_exit_code = 137

const forkHost = (settings: HostSettings): ChildProcess => {
  const child = fork(new URL('./runner-host.ts', import.meta.url), settings.attempt_module === undefined ? [] : [settings.attempt_module], {
    env: { ...settings.environment },
    execArgv: ['--max-semi-space-size=4'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // A process group of its own: Ctrl-C is for the stack, which then stops tasks in order.
    detached: true,
  })
  child.stdout?.on('data', settings.log)
  child.stderr?.on('data', settings.log)
  return child
}

/** @param passOn takes a task that this host did not confirm; @param changed told whenever the host's load or state changed */
export const startHost = (settings: HostSettings, passOn: (task: string, given: Pick<Given, 'env' | 'observer'>) => void, changed: () => void): Host => {
  const child = forkHost(settings)
  const tasks = new Map<string, Given>()
  let ready = false
  let open = true
  let why = ''
  const send = (message: ToHost) => {
    if (child.connected) child.send(message, () => undefined)
  }
  const finish = (task: string, exit_code: number | undefined, reason: string) => {
    const given = tasks.get(task)
    tasks.delete(task)
    clearTimeout(given?.timer)
    given?.observer.ended(exit_code, reason)
    changed()
  }
  const offer = (task: string, given: Given) => {
    send({ type: 'run', task, env: { ...given.env } })
    given.timer = setTimeout(() => {
      open = false
      // It may wake up and read its mail: the order to stop comes right after the order to run, and its claim is then refused.
      send({ type: 'stop', task })
      tasks.delete(task)
      passOn(task, given)
      changed()
    }, settings.unanswered_ms)
  }
  child.on('message', (raw) => {
    const message = FromHost.parse(raw)
    if (message.type === 'ready') {
      ready = true
      for (const [task, given] of tasks) offer(task, given)
    } else if (message.type === 'broken') {
      why = message.reason
      child.kill('SIGKILL')
    } else if (message.type === 'started') {
      const given = tasks.get(message.task)
      if (given === undefined) return
      given.confirmed = true
      clearTimeout(given.timer)
      given.observer.started(child.pid ?? 0)
    } else finish(message.task, message.exit_code, 'Essential container in task exited')
  })
  const gone = new Promise<void>((resolve) => {
    const over = () => {
      open = false
      for (const [task, given] of tasks) {
        if (given.confirmed || why === '') finish(task, killed_exit_code, 'Essential container in task exited')
        else finish(task, undefined, `CannotStartContainerError: ${why}`)
      }
      changed()
      resolve()
    }
    child.once('exit', over)
    child.once('error', (error) => {
      why = String(error)
      over()
    })
  })
  return {
    get load() {
      return tasks.size
    },
    get open() {
      return open
    },
    get ready() {
      return ready
    },
    run: (task, env, observer) => {
      const given: Given = { env, observer, confirmed: false }
      tasks.set(task, given)
      if (ready) offer(task, given)
    },
    stop: (task) => send({ type: 'stop', task }),
    kill: () => void child.kill('SIGKILL'),
    end: () => {
      open = false
      if (child.connected) child.disconnect()
    },
    gone,
  }
}
