/**
 * Kind `process`: any command line. The message arrives on its standard input; what it prints is the log, the last line that it prints
 * is the result, and how it exits is the outcome: 0 is ok, 78 (EX_CONFIG) an error that no retry will mend, anything else an error.
 */
import { existsSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { redactText } from '../../shared/domain/redact.ts'
import type { Log, LogStream } from '../log.ts'
import { redactStream } from '../redact-stream.ts'
import type { Exit } from '../sandbox/sandbox.ts'
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

export const runProcess = async (input: KindInput): Promise<KindResult> => {
  const { assignment, sandbox, stop, log, secrets } = input
  const { command } = assignment.agent_config
  if (command === undefined) return { outcome: 'error', error: failure('command_missing', 'the agent config has no command', false), usage: no_model_usage }
  const env = {
    ...input.env,
    LANEKEEPER_TASK_ID: assignment.task_id,
    LANEKEEPER_RUN_ID: assignment.run_id,
    LANEKEEPER_SESSION_ID: assignment.session_id,
    LANEKEEPER_ATTACHMENTS: input.attachment_paths.join('\n'),
  }
  const process = sandbox.start({ argv: limited(command, input), env, cwd: input.cwd, bridges: input.bridges })
  process.stdin.end(assignment.message)
  const line = lastLine()
  const pumps = Promise.all([pump(process.stdout, 'stdout', log, secrets, line.see), pump(process.stderr, 'stderr', log, secrets, () => undefined)])
  await endOnStop(process, stop, input.stop_grace_ms)
  const exit = await process.exited
  await pumps
  const order = stop.order()
  if (order !== undefined) return { ...stoppedResult(order, no_model_usage), ...(exit.code === null ? {} : { exit_code: exit.code }) }
  const result = line.value()
  return exitResult(exit, result === undefined ? undefined : redactText(result, secrets).slice(0, result_length_max))
}
