/**
 * The full sandbox: bubblewrap with every namespace of its own. The agent sees /usr, a minimal /etc, its workspace as the policy says,
 * its home and a private /tmp; no process but its own; and no network but the sockets that the runner puts there. When bwrap dies,
 * by whatever cause, so does all in it.
 *
 * bwrap takes its options and the agent's environment from a pipe, so that the command line shows neither.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Socket } from 'node:net'
import * as z from 'zod'
import { throughBridges } from './bridge.ts'
import type { AgentPaths, Exit, HostFolders, Sandbox, SandboxCommand, SandboxInput, SandboxedProcess } from './sandbox.ts'
import { seen_bridge_program, systemMounts } from './system-files.ts'
import { killNow, signalDescendants, waitGone } from './tree.ts'

const seen: Omit<AgentPaths, 'agent_binary'> = { workspace: '/workspace', home: '/home/agent', tmp: '/tmp', run: '/run/lanekeeper' }
const seen_agent_binary = '/opt/lanekeeper/claude'

/** Whom the agent is in its sandbox; `etc/passwd` names it. */
const agent_id = '1000'
const options_fd = 3
const status_fd = 4

const workspaceMount = (access: SandboxInput['workspace_access'], folders: HostFolders): readonly string[] => {
  switch (access) {
    case 'none':
      return ['--tmpfs', seen.workspace, '--remount-ro', seen.workspace]
    case 'ro':
      return ['--ro-bind', folders.workspace, seen.workspace]
    case 'rw':
      return ['--bind', folders.workspace, seen.workspace]
  }
}

/** bwrap's options for one command, in the order in which it mounts: what is not in here, the agent does not see. */
const bubblewrapOptions = ({ folders, agent_binary, workspace_access }: SandboxInput, system: readonly string[], command: SandboxCommand): readonly string[] =>
  [
    ['--unshare-all', '--die-with-parent', '--new-session', '--uid', agent_id, '--gid', agent_id, '--hostname', 'sandbox'],
    ['--json-status-fd', String(status_fd), '--clearenv'],
    ...Object.entries(command.env).map(([name, value]) => ['--setenv', name, value]),
    system,
    ['--bind', folders.tmp, seen.tmp, '--bind', folders.home, seen.home, '--ro-bind', folders.run, seen.run],
    agent_binary === undefined ? [] : ['--ro-bind', agent_binary, seen_agent_binary],
    workspaceMount(workspace_access, folders),
    ['--remount-ro', '/', '--chdir', command.cwd],
  ].flat()

/** What bwrap writes to the status pipe: first the sandbox's first process, at the end the command's exit code. */
const Status = z.object({ 'child-pid': z.int().optional(), 'exit-code': z.int().optional() })

const readStatus = (pipe: Socket, take: (status: z.infer<typeof Status>) => void): void => {
  let text = ''
  pipe.setEncoding('utf8')
  pipe.on('data', (piece: string) => {
    text += piece
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      take(Status.parse(JSON.parse(text.slice(0, end))))
      text = text.slice(end + 1)
    }
  })
}

const pipeAt = (child: ChildProcess, fd: number): Socket => {
  const pipe = child.stdio[fd]
  if (!(pipe instanceof Socket)) throw new Error(`bwrap has no pipe ${fd}`)
  return pipe
}

const feed = (child: ChildProcess, fd: number, content: string): void => {
  const pipe = pipeAt(child, fd)
  // A bwrap that fails early closes its end: its exit says why.
  pipe.on('error', () => undefined)
  pipe.end(content)
}

interface BubblewrapInput extends SandboxInput {
  /** Where the runner may make folders of its own. */
  readonly work_dir: string
  /** Where to look for bwrap itself: PATH of the runner. */
  readonly search_path: string | undefined
}

/** @param gone called once nothing of the command is left */
const started = (input: BubblewrapInput, command: SandboxCommand, gone: () => void): SandboxedProcess => {
  const argv = throughBridges(command, seen_bridge_program)
  const options = bubblewrapOptions(input, systemMounts(input.work_dir), command)
  const env = { PATH: input.search_path ?? '/usr/local/bin:/usr/bin:/bin' }
  const child = spawn('bwrap', ['--args', String(options_fd), '--', ...argv], { stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'], env })
  const { stdin, stdout, stderr } = child
  if (stdin === null || stdout === null || stderr === null) throw new Error('bwrap has no standard streams')
  stdin.on('error', () => undefined)
  child.on('error', () => undefined)

  let over = false
  let first_pid: number | undefined
  let exit_code: number | undefined
  let killed = false
  const ended = async (): Promise<Exit> => {
    const status = pipeAt(child, status_fd)
    readStatus(status, (said) => {
      first_pid ??= said['child-pid']
      exit_code ??= said['exit-code']
      if (killed && first_pid !== undefined) killNow(first_pid)
    })
    const [[code, signal]] = await Promise.all([once(child, 'exit'), once(status, 'close')])
    if (first_pid !== undefined && (await waitGone(first_pid))) gone()
    if (killed) return { code: null, signal: 'SIGKILL' }
    if (exit_code !== undefined) return { code: exit_code, signal: null }
    return first_pid === undefined ? { code, signal, failure: 'bubblewrap could not make the sandbox' } : { code, signal }
  }
  const exited = ended()
    .catch((error: unknown): Exit => ({ code: null, signal: null, failure: error instanceof Error ? error.message : 'unknown' }))
    .finally(() => (over = true))
  if (child.pid !== undefined) feed(child, options_fd, `${options.join('\0')}\0`)
  const kill = (signal: NodeJS.Signals): void => {
    // Its process ids may be others' by now.
    if (over) return
    if (signal !== 'SIGKILL') {
      if (first_pid !== undefined) signalDescendants(first_pid, signal)
      return
    }
    killed = true
    if (first_pid === undefined) child.kill('SIGKILL')
    else killNow(first_pid)
  }
  return { stdin, stdout, stderr, kill, exited }
}

export const openBubblewrap = (input: BubblewrapInput): Sandbox => {
  let running = 0
  return {
    tier: 'bubblewrap',
    paths: { ...seen, agent_binary: input.agent_binary === undefined ? undefined : seen_agent_binary },
    network: 'proxied',
    start: (command) => {
      running += 1
      return started(input, command, () => (running -= 1))
    },
    isEmpty: () => running === 0,
  }
}
