/** What a sandbox is to the rest of the runner: a place with known paths, in which one command is started and wholly ended. */
import type { Readable, Writable } from 'node:stream'
import type { Policy } from '../../shared/domain/policy.ts'

/** A listener on 127.0.0.1 within the sandbox that hands each connection to a unix socket. */
export interface Bridge {
  readonly port: number
  readonly socket: string
}

/** What the agent process is started with. Paths are those it sees. */
export interface SandboxCommand {
  readonly argv: readonly string[]
  /** The whole environment: nothing of the runner's own gets through. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly bridges: readonly Bridge[]
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Set where the sandbox itself could not be made, so that the command never ran. */
  readonly failure?: string
}

export interface SandboxedProcess {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** SIGKILL ends every process in the sandbox at once; other signals go to each of them. */
  kill(signal: NodeJS.Signals): void
  /** Resolves once the command and everything that it started is gone. */
  readonly exited: Promise<Exit>
}

/** Folders of one attempt as the runner sees them. */
export interface HostFolders {
  readonly workspace: string
  /** The agent's home: holds its transcript and, where the workspace is absent, the attachments. */
  readonly home: string
  readonly tmp: string
  /** Sockets, and what else the agent may read but not write. */
  readonly run: string
}

/** The same as the agent sees them. */
export interface AgentPaths {
  readonly workspace: string
  readonly home: string
  readonly tmp: string
  readonly run: string
  /** The agent's own program; undefined where it is not installed. */
  readonly agent_binary: string | undefined
}

export interface SandboxInput {
  readonly folders: HostFolders
  readonly agent_binary: string | undefined
  readonly workspace_access: Policy['workspace_access']
}

export interface Sandbox {
  readonly tier: 'bubblewrap' | 'unshare' | 'none' | 'container'
  readonly paths: AgentPaths
  /**
   * `proxied`: a network namespace of its own; what it reaches, it reaches through sockets that the runner listens on. `direct`: the
   * machine's own network, confined from outside or not at all.
   */
  readonly network: 'proxied' | 'direct'
  start(command: SandboxCommand): SandboxedProcess
  /** Whether everything that was started in it is known to be gone. Absent where nobody can know that of all that a command may leave behind. */
  isEmpty?(): boolean
}
