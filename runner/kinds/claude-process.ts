/** The sandboxed agent as the process that the SDK wants to talk to. */
import type { SpawnedProcess, SpawnOptions } from '@anthropic-ai/claude-agent-sdk'
import { EventEmitter } from 'node:events'
import type { Sandbox, SandboxCommand, SandboxedProcess } from '../sandbox/sandbox.ts'

export interface AgentProcess {
  readonly process: SandboxedProcess
  /** The end of what it wrote to stderr: says why it could not start. */
  readonly stderrTail: () => string
}

const stderr_length_max = 4_000

const followStderr = (process: SandboxedProcess): (() => string) => {
  let tail = ''
  process.stderr.setEncoding('utf8')
  process.stderr.on('data', (piece: string) => {
    tail = (tail + piece).slice(-stderr_length_max)
  })
  return () => tail.trim()
}

/** Whether the agent may be given a variable that the SDK adds to the environment it was told: only its own switches. */
const mayPass = (name: string, env: Readonly<Record<string, string>>): boolean => name in env || /^CLAUDE_(?:CODE_|AGENT_SDK_)/.test(name)

const spawned = (process: SandboxedProcess): SpawnedProcess => {
  const events = new EventEmitter()
  const state: { killed: boolean; exitCode: number | null; signalCode: NodeJS.Signals | null } = { killed: false, exitCode: null, signalCode: null }
  void process.exited.then(({ code, signal }) => {
    state.exitCode = code ?? (signal === null ? 1 : null)
    state.signalCode = signal
    events.emit('exit', state.exitCode, signal)
  })
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    get killed() {
      return state.killed
    },
    get exitCode() {
      return state.exitCode
    },
    get signalCode() {
      return state.signalCode
    },
    kill: (signal) => {
      state.killed = true
      process.kill(signal)
      return true
    },
    on: events.on.bind(events),
    once: events.once.bind(events),
    off: events.off.bind(events),
  }
}

export interface SpawnInput {
  readonly sandbox: Sandbox
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly bridges: SandboxCommand['bridges']
  readonly onStart: (agent: AgentProcess) => void
}

/** Starts the agent's program in the sandbox, with the arguments of the SDK and the environment of the sandbox. */
export const spawnInSandbox =
  ({ sandbox, env, cwd, bridges, onStart }: SpawnInput) =>
  (options: SpawnOptions): SpawnedProcess => {
    const program = sandbox.paths.agent_binary
    if (program === undefined) throw new Error('the agent binary is not installed')
    const passed = Object.entries(options.env).flatMap(([name, value]) => (value !== undefined && mayPass(name, env) ? [[name, value] as const] : []))
    const process = sandbox.start({ argv: [program, ...options.args], env: Object.fromEntries(passed), cwd, bridges })
    onStart({ process, stderrTail: followStderr(process) })
    options.signal.addEventListener('abort', () => process.kill('SIGKILL'), { once: true })
    return spawned(process)
  }
