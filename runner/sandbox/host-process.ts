/** A process of this machine as a sandboxed one: for the tiers that confine less than everything. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AgentPaths, Exit, SandboxInput, SandboxedProcess } from './sandbox.ts'
import { killTree, signalDescendants } from './tree.ts'

/** The agent sees the runner's own paths. */
export const hostPaths = ({ folders, agent_binary }: SandboxInput): AgentPaths => ({ ...folders, agent_binary })

export const startOnHost = (argv: readonly string[], env: Readonly<Record<string, string>>, cwd: string): SandboxedProcess => {
  const [program, ...args] = argv
  if (program === undefined) throw new Error('a command without a program')
  // A process group of its own, so that what it leaves behind can be found and killed.
  const child = spawn(program, args, { cwd, env: { ...env }, stdio: 'pipe', detached: true })
  child.stdin.on('error', () => undefined)
  let over = false
  const ended = async (): Promise<Exit> => {
    const [code, signal] = await once(child, 'exit')
    if (child.pid !== undefined) killTree(child.pid)
    return { code, signal }
  }
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exited: ended()
      .catch((error: unknown): Exit => ({ code: null, signal: null, failure: error instanceof Error ? error.message : 'unknown' }))
      .finally(() => (over = true)),
    kill: (signal) => {
      // Its process ids may be others' by now.
      if (over || child.pid === undefined) return
      if (signal === 'SIGKILL') {
        killTree(child.pid)
        return
      }
      child.kill(signal)
      signalDescendants(child.pid, signal)
    },
  }
}
