/** One runner host process, as the stack sees it. */
import { fork, type ChildProcess } from 'node:child_process'
import { makeAssignments, type Given } from './assignments.ts'
import { FromHost } from './host-messages.ts'

export interface Host {
  /** Tasks in this host. */
  readonly load: number
  /** It takes tasks: it has not ended, and it answers. */
  readonly open: boolean
  /** It has loaded the runner. */
  readonly ready: boolean
  run(given: Given): void
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

/** What a host tells the others. */
export interface HostEvents {
  /** It did not confirm a task in time. */
  readonly passOn: (given: Given) => void
  /** Its load or state changed. */
  readonly changed: () => void
}

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

export const startHost = (settings: HostSettings, { passOn, changed }: HostEvents): Host => {
  const child = forkHost(settings)
  let ready = false
  let open = true
  let why: string | undefined
  const tasks = makeAssignments({
    send: (message) => {
      if (child.connected) child.send(message, () => undefined)
    },
    unanswered_ms: settings.unanswered_ms,
    unanswered: (given) => {
      open = false
      passOn(given)
    },
    changed,
  })
  child.on('message', (raw) => {
    const message = FromHost.parse(raw)
    if (message.type === 'ready') {
      ready = true
      tasks.open()
    } else if (message.type === 'broken') {
      why = message.reason
      child.kill('SIGKILL')
    } else if (message.type === 'started') tasks.started(message.task, child.pid ?? 0)
    else tasks.ended(message.task, message.exit_code)
  })
  const { promise: gone, resolve } = Promise.withResolvers<void>()
  const over = () => {
    open = false
    tasks.lost(why)
    changed()
    resolve()
  }
  child.once('exit', over)
  child.once('error', (error) => {
    why = String(error)
    over()
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
    run: tasks.add,
    stop: tasks.stop,
    kill: () => void child.kill('SIGKILL'),
    end: () => {
      open = false
      if (child.connected) child.disconnect()
    },
    gone,
  }
}
