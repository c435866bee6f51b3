/** What happens between claim and finish: the sandbox is opened, the session restored, the agent run turn by turn. */
import { existsSync, mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, posix } from 'node:path'
import type { Assignment } from '../shared/contract/runner-protocol.ts'
import { writeAttachments } from './files/attachments.ts'
import { makeFolders, type AttemptFolders } from './files/folders.ts'
import { restoreSession, type SessionFiles } from './files/session.ts'
import { converseWithClaude } from './kinds/claude-code.ts'
import { failure, no_model_usage, stoppedResult, type KindInput } from './kinds/kind.ts'
import { converseWithProcess } from './kinds/process.ts'
import type { Log } from './log.ts'
import type { HeldCredentials } from './model/credentials.ts'
import type { Meter } from './model/meter.ts'
import { startModelProxy } from './model/proxy.ts'
import { createUpstream } from './model/upstream.ts'
import { startEgressProxy } from './network/egress-proxy.ts'
import type { News } from './news.ts'
import type { Plane } from './plane.ts'
import { openSandbox } from './sandbox/open.ts'
import type { Bridge, Sandbox } from './sandbox/sandbox.ts'
import { findAgentBinary, type RunnerSettings } from './settings.ts'
import type { Stop } from './stop.ts'
import { mayAsk } from './tool-gate.ts'
import { runTurns, type Conversation, type TurnsInput, type WorkResult } from './turns.ts'

export interface WorkInput {
  readonly settings: RunnerSettings
  readonly assignment: Assignment
  readonly plane: Plane
  readonly stop: Stop
  readonly log: Log
  readonly meter: Meter
  /** Grows when model credentials are renewed. */
  readonly secrets: readonly string[]
  readonly credentials: HeldCredentials
  readonly news: News
  readonly search_path: string | undefined
  readonly finish: TurnsInput['finish']
  /** Other attempts of this process may get the folders that this one leaves as it found them. */
  readonly keeps_folders: boolean
}

const egress_port = 3_128
const bedrock_port = 3_129
const egress_socket = 'egress.sock'
const model_socket = 'model.sock'

/** Closes what was opened, in reverse, whatever happens. */
type Closer = () => Promise<void>

/** Where the agent works: the workspace, or the folder in it that its config names. Undefined if that lies outside. */
const workingFolder = (workspace: string, workspace_dir: string | undefined): string | undefined => {
  const wanted = posix.normalize(workspace_dir ?? '/workspace').replace(/\/+$/, '')
  if (wanted !== '/workspace' && !wanted.startsWith('/workspace/')) return undefined
  return join(workspace, wanted.slice('/workspace'.length))
}

const perl_paths = ['/usr/bin/perl', '/bin/perl', '/usr/local/bin/perl']

/** The way out for tools, where the policy grants one and the sandbox has no network of its own. */
const openNetwork = async (input: WorkInput, sandbox: Sandbox, folders: AttemptFolders, closers: Closer[]): Promise<readonly Bridge[]> => {
  if (!input.assignment.policy.network_enabled || sandbox.network === 'direct') return []
  if (!perl_paths.some((path) => existsSync(path))) {
    await input.log.write('system', 'notice', 'Tools have no network in this run: the sandbox needs perl for it, which is not installed.')
    return []
  }
  const proxy = await startEgressProxy({ socket_path: join(folders.run, egress_socket) })
  closers.push(() => proxy.close())
  return [{ port: egress_port, socket: posix.join(sandbox.paths.run, egress_socket) }]
}

const proxyEnv = (bridges: readonly Bridge[]): Readonly<Record<string, string>> => {
  if (bridges.length === 0) return {}
  const url = `http://127.0.0.1:${egress_port}`
  const own = 'localhost,127.0.0.1,::1,model.invalid'
  return { HTTP_PROXY: url, HTTPS_PROXY: url, http_proxy: url, https_proxy: url, NO_PROXY: own, no_proxy: own, NODE_USE_ENV_PROXY: '1' }
}

const baseEnv = (sandbox: Sandbox, bridges: readonly Bridge[]): Readonly<Record<string, string>> => ({
  PATH: '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin',
  HOME: sandbox.paths.home,
  TMPDIR: sandbox.paths.tmp,
  USER: 'agent',
  SHELL: '/bin/bash',
  LANG: 'C.UTF-8',
  ...proxyEnv(bridges),
})

/** A port that nobody listens on, for a sandbox that shares the machine's loopback. */
const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : bedrock_port))
    })
  })

/** Someone to talk to, or why there is nobody. */
type Opened = { readonly conversation: Conversation } | { readonly ended: WorkResult }

const refused = (code: string, message: string, retryable: boolean): { readonly ended: WorkResult } => ({
  ended: { outcome: 'error', error: failure(code, message, retryable), usage: no_model_usage },
})

const openClaude = async (input: WorkInput, kind: KindInput, folders: AttemptFolders, session: SessionFiles, closers: Closer[]): Promise<Opened> => {
  const { settings, meter, plane, news } = input
  const upstream = createUpstream(settings.model, input.credentials)
  if (upstream === undefined)
    return refused('model_credentials_missing', 'nobody gave this run credentials for Bedrock, or its model has no name that Bedrock knows', false)
  if ((meter.leftUsd() ?? 1) <= 0) return { ended: stoppedResult('budget', no_model_usage) }
  // A question costs no compute while it is open, unless other uses of tools are in its message.
  const one_tool_at_a_time = mayAsk(input.assignment.policy)
  const proxy = await startModelProxy({ socket_path: join(folders.run, model_socket), upstream, meter, one_tool_at_a_time })
  closers.push(() => proxy.close())
  const socket = posix.join(kind.sandbox.paths.run, model_socket)
  const port = kind.sandbox.tier === 'none' ? await freePort() : bedrock_port
  const bridges = upstream.provider === 'bedrock' ? [...kind.bridges, { port, socket }] : kind.bridges
  const conversation = converseWithClaude({
    ...kind,
    bridges,
    session,
    plane,
    news,
    host_home: folders.home,
    meter,
    upstream,
    model_socket: socket,
    bedrock_port: port,
    model_retries_max: settings.model.retries_max,
  })
  return { conversation }
}

const openKind = async (input: WorkInput, kind: KindInput, folders: AttemptFolders, session: SessionFiles, closers: Closer[]): Promise<Opened> => {
  const { runner } = input.assignment.agent_config
  if (runner === 'process') return { conversation: converseWithProcess(kind) }
  if (runner === 'claude_code') return openClaude(input, kind, folders, session, closers)
  return refused('runner_unsupported', `this runner does not know the kind ${runner}`, false)
}

/** A path in the workspace that attempts with nothing to restore begin with; undefined where there is more to it. */
const keptWith = ({ keeps_folders, assignment }: WorkInput): string | undefined => {
  if (!keeps_folders || assignment.restore.workspace_url !== undefined) return undefined
  return assignment.policy.workspace_access === 'none' ? '' : workingFolder('/', assignment.agent_config.workspace_dir)
}

const workIn = async (input: WorkInput, folders: AttemptFolders, closers: Closer[], use: (sandbox: Sandbox) => void): Promise<WorkResult> => {
  const { settings, assignment, plane, stop, log, secrets } = input
  const { policy, agent_config } = assignment
  const has_transcript = agent_config.runner === 'claude_code'
  const agent_binary = has_transcript ? findAgentBinary() : undefined
  const opened = await openSandbox({ settings, policy, folders, agent_binary, search_path: input.search_path })
  if (!opened.ok) return { outcome: 'error', error: opened.error, usage: no_model_usage }
  const { sandbox } = opened
  use(sandbox)
  const cwd = workingFolder(sandbox.paths.workspace, agent_config.workspace_dir)
  if (cwd === undefined)
    return { outcome: 'error', error: failure('workspace_dir_invalid', 'workspace_dir must lie in /workspace', false), usage: no_model_usage }

  const session = await restoreSession({ assignment, folders, scratch: folders.scratch, plane, stop, has_transcript })
  // Without a workspace the attachments lie in the agent's home, and it works at the top.
  const absent = policy.workspace_access === 'none'
  const attached = await writeAttachments(absent ? folders.home : folders.workspace, assignment.attachments)
  const attachment_paths = attached.map((path) => join(absent ? sandbox.paths.home : sandbox.paths.workspace, path))
  if (!absent) mkdirSync(join(folders.workspace, cwd.slice(sandbox.paths.workspace.length)), { recursive: true })
  const bridges = await openNetwork(input, sandbox, folders, closers)
  const kind: KindInput = {
    assignment,
    sandbox,
    stop,
    log,
    secrets,
    env: baseEnv(sandbox, bridges),
    bridges,
    cwd: absent ? sandbox.paths.workspace : cwd,
    attachment_paths,
    stop_grace_ms: settings.stop_grace_ms,
  }
  const kind_opened = await openKind(input, kind, folders, session, closers)
  if ('ended' in kind_opened) return kind_opened.ended
  return runTurns({ ...input, session, conversation: kind_opened.conversation }, no_model_usage)
}

/** Does the work of an attempt; `finish` was told of it already if it went well. Throws on what nobody foresaw. */
export const doWork = async (input: WorkInput): Promise<WorkResult> => {
  const folders = makeFolders({ settings: input.settings, kept_with: keptWith(input) })
  let used: Sandbox | undefined
  const closers: Closer[] = [() => folders.remove(used?.isEmpty?.() === true)]
  try {
    return await workIn(input, folders, closers, (sandbox) => (used = sandbox))
  } finally {
    for (const close of closers.toReversed()) await close().catch(() => undefined)
  }
}
