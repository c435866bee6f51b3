/**
 * Kind `process`: any command line. A turn is one run of it. The message arrives on its standard input, several with a blank line
 * between them; what it prints is the log, the last line that it prints is the result, and how it exits is the outcome: 0 is ok,
 * 78 (EX_CONFIG) an error that no retry will mend, anything else an error. Nothing can be said into a turn that goes on.
 */
import { existsSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { redactText } from '../../shared/domain/redact.ts'
import type { Log, LogStream } from '../log.ts'
import { redactStream } from '../redact-stream.ts'
import type { Exit } from '../sandbox/sandbox.ts'
import type { Conversation, TurnBegin, TurnEnded } from '../turns.ts'
import { endOnStop, failure, no_model_usage, stoppedResult, type KindInput, type KindResult } from './kind.ts'

const not_retryable_exit_code = 78
const result_length_max = 32_768
const last_line_length_max = 4 * result_length_max

/** Follows the pieces of a text and remembers its last line that is not empty. */
const lastLine = (): { readonly see: (piece: string) => void; readonly value: () => string | undefined } => {
  let current = ''
  let last: string | undefined
  return {
    see: (piece) => {
      const lines = (current + piece).split(/\r?\n/)
      current = (lines.pop() ?? '').slice(-last_line_length_max)
      last = lines.findLast((line) => line.trim() !== '') ?? last
    },
    value: () => (current.trim() === '' ? last : current)?.trim(),
  }
}

/** Passes a stream on to the log, redacted across the borders of its pieces; waits where the log does. */
const pump = async (source: Readable, stream: LogStream, log: Log, secrets: readonly string[], see: (piece: string) => void): Promise<void> => {
  const decoder = new TextDecoder()
  const redactor = redactStream(secrets)
  for await (const chunk of source) {
    if (!(chunk instanceof Uint8Array)) continue
    const piece = decoder.decode(chunk, { stream: true })
    see(piece)
    await log.write(stream, 'output', redactor.push(piece))
  }
  await log.write(stream, 'output', redactor.push(decoder.decode()) + redactor.end())
}

const prlimit_program = '/usr/bin/prlimit'

/**
 * On one machine the memory of the policy is held by a limit on each process's data: there is no room for a cgroup without rights
 * that a plain user lacks. A container's memory is held by the container.
 */
const limited = (argv: readonly string[], { assignment, sandbox }: KindInput): readonly string[] => {
  const { memory } = assignment.policy.resources
  if (memory === undefined || sandbox.tier === 'container' || !existsSync(prlimit_program)) return argv
  return [prlimit_program, `--data=${memory * 1_048_576}`, '--core=0', '--', ...argv]
}

const exitResult = (exit: Exit, result: string | undefined): KindResult => {
  const usage = no_model_usage
  const said = result === undefined ? {} : { result }
  if (exit.failure !== undefined) return { outcome: 'error', error: failure('sandbox_failed', exit.failure, true), usage }
  if (exit.code === null)
    return { outcome: 'error', error: failure('process_killed', `the command was ended by ${exit.signal ?? 'a signal'}`, true), usage, ...said }
  if (exit.code === 0) return { outcome: 'ok', exit_code: 0, usage, ...said }
  const error = failure('process_failed', `the command exited with ${exit.code}`, exit.code !== not_retryable_exit_code)
  return { outcome: 'error', exit_code: exit.code, error, usage, ...said }
}

const runCommand = async (input: KindInput, command: readonly string[], message: string, interrupted: AbortSignal): Promise<KindResult> => {
  const { assignment, sandbox, stop, log, secrets } = input
  const env = {
    ...input.env,
    LANEKEEPER_TASK_ID: assignment.task_id,
    LANEKEEPER_RUN_ID: assignment.run_id,
    LANEKEEPER_SESSION_ID: assignment.session_id,
    LANEKEEPER_ATTACHMENTS: input.attachment_paths.join('\n'),
  }
  const process = sandbox.start({ argv: limited(command, input), env, cwd: input.cwd, bridges: input.bridges })
  process.stdin.end(message)
  const line = lastLine()
  const pumps = Promise.all([pump(process.stdout, 'stdout', log, secrets, line.see), pump(process.stderr, 'stderr', log, secrets, () => undefined)])
  await endOnStop(process, stop, input.stop_grace_ms, interrupted)
  const exit = await process.exited
  await pumps
  const order = stop.order()
  const code = exit.code === null ? {} : { exit_code: exit.code }
  if (order !== undefined) return { ...stoppedResult(order, no_model_usage), ...code }
  const result = line.value()
  const said = result === undefined ? undefined : redactText(result, secrets).slice(0, result_length_max)
  if (interrupted.aborted) return { outcome: 'ok', usage: no_model_usage, ...code, ...(said === undefined ? {} : { result: said }) }
  return exitResult(exit, said)
}

const refused = (code: string, message: string): TurnEnded => ({ outcome: 'error', error: failure(code, message, false), usage: no_model_usage })

export const converseWithProcess = (input: KindInput): Conversation => {
  let interrupted = new AbortController()
  return {
    turn: async (begin: TurnBegin) => {
      const { command } = input.assignment.agent_config
      if (command === undefined) return refused('command_missing', 'the agent config has no command')
      if (begin.how === 'answer') return refused('question_unknown', 'a process asks no questions, so there is none to answer')
      interrupted = new AbortController()
      return runCommand(input, command, begin.messages.join('\n\n'), interrupted.signal)
    },
    steer: () => false,
    interrupt: () => interrupted.abort(),
    lives: () => false,
    usedInFiles: () => undefined,
    settled: async () => undefined,
    end: async () => undefined,
  }
}
