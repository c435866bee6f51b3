/**
 * One Lambda function: a worker thread started at first use, and the invocations in it. A worker that crashes fails its
 * invocations and is replaced at the next one. One that lets an invocation time out takes no more and is ended when its
 * others are through: a thread cannot be told to drop one piece of work.
 */
import { randomUUID } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { LogFile } from './log-file.ts'
import { WorkerMessage, type FunctionFailure, type HostMessage } from './messages.ts'
import { makeTurns } from './turns.ts'
import { workerUrl } from './worker-url.ts'

export interface FunctionSettings {
  readonly name: string
  readonly arn: string
  /** The bundle's module. */
  readonly module_path: string
  readonly handler: string
  readonly timeout_ms: number
  readonly memory_mib: number
  readonly environment: Readonly<Record<string, string>>
}

/** The function ran and failed, or could not run. */
export class InvocationError extends Error {
  readonly failure: FunctionFailure

  constructor(failure: FunctionFailure) {
    super(`${failure.errorType}: ${failure.errorMessage}`)
    this.failure = failure
  }
}

/** Who reads an answer that is streamed. */
export interface Reader {
  head(status: number, headers: Readonly<Record<string, string>>): void
  /** Resolves when the reader has taken the piece. */
  piece(bytes: Uint8Array): Promise<void>
  /** Aborted when the reader goes. */
  readonly gone: AbortSignal
}

export interface LocalFunction {
  readonly settings: FunctionSettings
  /** Runs the function. Rejects with `InvocationError`. @param reader of what it streams, if it does */
  invoke(event: unknown, reader?: Reader): Promise<unknown>
  /** Starts the worker now, so that the first invocation does not wait for it. */
  warm(): void
  stop(): Promise<void>
}

interface Pending {
  readonly reader: Reader | undefined
  readonly settle: (outcome: { readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly failure: FunctionFailure }) => void
}

interface Host {
  readonly worker: Worker
  readonly pending: Map<string, Pending>
  /** Takes no more invocations. */
  retired: boolean
  /** Resolves when the module is there, and never if it cannot be. */
  readonly loaded: Promise<void>
}

const failure = (errorType: string, errorMessage: string): FunctionFailure => ({ errorType, errorMessage, trace: [] })

/** As on AWS, a function that nobody calls is not kept in memory. The next call starts it again. */
const idle_ms = 300_000

/**
 * Invocations at once in one worker. AWS would give each an environment of its own; here they share a core, so more at once would only
 * make all of them late. The time of one that waits begins with its turn.
 */
const at_once_max = 24
/** Those that stream mostly wait. */
const streams_max = 200

/** Young objects die young in a handler; a small nursery keeps six workers small. */
const nursery_mib = 16

const startWorker = (settings: FunctionSettings, log: LogFile): Worker => {
  const worker = new Worker(workerUrl(), {
    workerData: {
      module_url: pathToFileURL(settings.module_path).href,
      handler: settings.handler,
      function_name: settings.name,
      function_arn: settings.arn,
      memory_mib: settings.memory_mib,
    },
    // The thread's name, for whoever looks at what uses the processor.
    name: settings.name.replace(/Function[0-9A-F]{8}$/, '').slice(-15),
    env: { ...settings.environment },
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: Math.max(settings.memory_mib, 128), maxYoungGenerationSizeMb: nursery_mib },
  })
  worker.stdout.on('data', (chunk: Uint8Array) => log.write(chunk))
  worker.stderr.on('data', (chunk: Uint8Array) => log.write(chunk))
  return worker
}

const failAll = (host: Host, why: FunctionFailure) => {
  host.retired = true
  for (const { settle } of host.pending.values()) settle({ ok: false, failure: why })
  host.pending.clear()
}

const tell = (host: Host, message: HostMessage): void => host.worker.postMessage(message)

const answer = (host: Host, raw: unknown, loaded: () => void) => {
  const message = WorkerMessage.parse(raw)
  if (message.type === 'loaded') return loaded()
  if (message.type === 'load_failed') return failAll(host, message.failure)
  const { invocation_id } = message
  const pending = host.pending.get(invocation_id)
  if (message.type === 'head') return pending?.reader?.head(message.head.statusCode, message.head.headers)
  if (message.type === 'piece') return void pending?.reader?.piece(message.bytes).then(() => tell(host, { type: 'taken', invocation_id }))
  pending?.settle(message.type === 'done' ? { ok: true, result: message.result } : { ok: false, failure: message.failure })
}

const startHost = (settings: FunctionSettings, log: LogFile): Host => {
  const { promise: loaded, resolve } = Promise.withResolvers<void>()
  const host: Host = { worker: startWorker(settings, log), pending: new Map(), retired: false, loaded }
  host.worker.on('message', (raw) => answer(host, raw, resolve))
  host.worker.on('error', (error) => {
    log.write(`${JSON.stringify({ level: 'ERROR', message: 'the function crashed', error: String(error) })}\n`)
    failAll(host, failure('Runtime.ExitError', String(error)))
  })
  host.worker.on('exit', (code) => failAll(host, failure('Runtime.ExitError', `the function exited with ${code}`)))
  return host
}

/** Ends a worker that takes no more, once nothing runs in it. */
const endIfIdle = (host: Host) => {
  if (host.retired && host.pending.size === 0) void host.worker.terminate()
}

/** As on AWS, loading the module does not count towards the function's timeout. */
const runIn = (host: Host, settings: FunctionSettings, event: unknown, reader?: Reader): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const invocation_id = randomUUID()
    let timer: NodeJS.Timeout | undefined
    const leave = () => tell(host, { type: 'left', invocation_id })
    const settle: Pending['settle'] = (outcome) => {
      clearTimeout(timer)
      reader?.gone.removeEventListener('abort', leave)
      host.pending.delete(invocation_id)
      endIfIdle(host)
      if (outcome.ok) resolve(outcome.result)
      else reject(new InvocationError(outcome.failure))
    }
    const late = () => {
      host.retired = true
      settle({ ok: false, failure: failure('Sandbox.Timedout', `Task timed out after ${(settings.timeout_ms / 1_000).toFixed(2)} seconds`) })
    }
    const start = () => {
      if (!host.pending.has(invocation_id)) return
      timer = setTimeout(late, settings.timeout_ms)
      tell(host, { type: 'invoke', invocation_id, event, deadline_ms: Date.now() + settings.timeout_ms })
      if (reader?.gone.aborted === true) leave()
    }
    host.pending.set(invocation_id, { settle, reader })
    reader?.gone.addEventListener('abort', leave)
    void host.loaded.then(start)
  })

export const makeFunction = (settings: FunctionSettings, log: LogFile): LocalFunction => {
  let current: Host | undefined
  let idle_timer: NodeJS.Timeout | undefined
  const hosts = new Set<Host>()
  const turns = makeTurns(at_once_max)
  const streams = makeTurns(streams_max)
  const retireIdle = () => {
    const host = current
    if (host === undefined || host.pending.size > 0) return
    host.retired = true
    endIfIdle(host)
  }
  const host = (): Host => {
    if (current !== undefined && !current.retired) return current
    const started = startHost(settings, log)
    hosts.add(started)
    started.worker.on('exit', () => hosts.delete(started))
    current = started
    return started
  }
  return {
    settings,
    invoke: (event, reader) => {
      clearTimeout(idle_timer)
      idle_timer = setTimeout(retireIdle, idle_ms).unref()
      return (reader === undefined ? turns : streams).take(() => runIn(host(), settings, event, reader))
    },
    warm: () => void host(),
    stop: async () => {
      clearTimeout(idle_timer)
      await Promise.all([...hosts].map((running) => running.worker.terminate()))
    },
  }
}
