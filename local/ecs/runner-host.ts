/**
 * A process that runs the `runner` container of several tasks at once: starting a Node process for each would cost more than
 * most attempts do. The untrusted agent is a process of its own, in its own sandbox, either way. An attempt gets its
 * environment by message and never through this process's. When the stack is gone, this process is, and the sandboxes with it.
 */
import * as z from 'zod'
import { ToHost, type FromHost } from './host-messages.ts'

type RunAttempt = (attempt: {
  readonly env: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly keeps_folders: boolean
}) => Promise<unknown>
const isRunAttempt = (value: unknown): value is RunAttempt => typeof value === 'function'

const [, , module_url = new URL('../../runner/attempt.ts', import.meta.url).href] = process.argv

const say = (message: FromHost) => void process.send?.(message)

const load = async (): Promise<RunAttempt> => {
  const exported: unknown = await import(module_url)
  const { runAttempt } = z.looseObject({ runAttempt: z.unknown() }).parse({ ...z.looseObject({}).parse(exported) })
  if (!isRunAttempt(runAttempt)) throw new Error(`${module_url} exports no function runAttempt`)
  return runAttempt
}

const stops = new Map<string, AbortController>()

const run = async (runAttempt: RunAttempt, task: string, env: Readonly<Record<string, string>>) => {
  const stop = new AbortController()
  stops.set(task, stop)
  say({ type: 'started', task })
  try {
    say({ type: 'ended', task, exit_code: z.int().parse(await runAttempt({ env, signal: stop.signal, keeps_folders: true })) })
  } catch (error) {
    console.error(`the runner of ${task} threw:`, error)
    say({ type: 'ended', task, exit_code: 1 })
  } finally {
    stops.delete(task)
  }
}

process.on('disconnect', () => process.exit(1))
// One attempt's stray error must not end its neighbours; the attempt itself ends by its own means or by its timeout.
process.on('unhandledRejection', (error) => console.error('unhandled rejection in a runner host:', error))

try {
  const runAttempt = await load()
  process.on('message', (raw) => {
    const message = ToHost.parse(raw)
    if (message.type === 'run') void run(runAttempt, message.task, message.env)
    else stops.get(message.task)?.abort(new Error('SIGTERM'))
  })
  say({ type: 'ready' })
} catch (error) {
  say({ type: 'broken', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) })
}
