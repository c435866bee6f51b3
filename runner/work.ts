/** What happens between claim and finish: the sandbox is opened, the session restored, the agent run, the session saved. */
import { existsSync, mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, posix } from 'node:path'
import type { Assignment, Finish } from '../shared/contract/runner-protocol.ts'
import type { ModelUsage } from '../shared/domain/usage.ts'
import { writeAttachments } from './files/attachments.ts'
import { makeFolders, type AttemptFolders } from './files/folders.ts'
import { restoreSession, type SessionFiles } from './files/session.ts'
import { runClaudeCode } from './kinds/claude-code.ts'
import { failure, no_model_usage, stoppedResult, type KindInput, type KindResult } from './kinds/kind.ts'
import { runProcess } from './kinds/process.ts'
import type { Log } from './log.ts'
import type { HeldCredentials } from './model/credentials.ts'
import type { Meter } from './model/meter.ts'
import { startModelProxy } from './model/proxy.ts'
import { createUpstream } from './model/upstream.ts'
import { startEgressProxy } from './network/egress-proxy.ts'
import type { Plane } from './plane.ts'
import { openSandbox } from './sandbox/open.ts'
import type { Bridge, Sandbox } from './sandbox/sandbox.ts'
import { findAgentBinary, type RunnerSettings } from './settings.ts'
import type { Stop } from './stop.ts'

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
  readonly search_path: string | undefined
}
export interface WorkResult extends KindResult {
  readonly saved?: Finish['saved']
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

interface Ran extends KindResult {
  readonly used_now?: ModelUsage | undefined
}

const runClaude = async (input: WorkInput, kind: KindInput, folders: AttemptFolders, session: SessionFiles, closers: Closer[]): Promise<Ran> => {
  const { settings, meter } = input
  const upstream = createUpstream(settings.model, input.credentials)
  const why = 'nobody gave this run credentials for Bedrock, or its model has no name that Bedrock knows'
  if (upstream === undefined) return { outcome: 'error', error: failure('model_credentials_missing', why, false), usage: no_model_usage }
  if ((meter.leftUsd() ?? 1) <= 0) return stoppedResult('budget', no_model_usage)
  const proxy = await startModelProxy({ socket_path: join(folders.run, model_socket), upstream, meter })
  closers.push(() => proxy.close())
  const socket = posix.join(kind.sandbox.paths.run, model_socket)
  const port = kind.sandbox.tier === 'none' ? await freePort() : bedrock_port
  const bridges = upstream.provider === 'bedrock' ? [...kind.bridges, { port, socket }] : kind.bridges
  return runClaudeCode({
    ...kind,
    bridges,
    session,
    host_home: folders.home,
    meter,
    upstream,
    model_socket: socket,
    bedrock_port: port,
    model_retries_max: settings.model.retries_max,
  })
}

const runKind = async (input: WorkInput, kind: KindInput, folders: AttemptFolders, session: SessionFiles, closers: Closer[]): Promise<Ran> => {
  const { runner } = input.assignment.agent_config
  if (runner === 'process') return runProcess(kind)
  if (runner === 'claude_code') return runClaude(input, kind, folders, session, closers)
  return { outcome: 'error', error: failure('runner_unsupported', `this runner does not know the kind ${runner}`, false), usage: no_model_usage }
}

/** The result with what was saved. A success whose files are lost is none: the next run of the session would miss them. */
const saveAfter = async (input: WorkInput, session: SessionFiles, ran: Ran): Promise<WorkResult> => {
  const { used_now, ...result } = ran
  if (input.stop.isHard()) return result
  const save = await session.save(used_now)
  const saved = save.saved === undefined ? {} : { saved: save.saved }
  if (save.ok) return { ...result, ...saved }
  await input.log.write('system', 'notice', save.error.message)
  return result.outcome === 'ok' ? { ...result, ...saved, outcome: 'error', error: save.error } : { ...result, ...saved }
}

const workIn = async (input: WorkInput, folders: AttemptFolders, closers: Closer[]): Promise<WorkResult> => {
  const { settings, assignment, plane, stop, log, secrets } = input
  const { policy, agent_config } = assignment
  const has_transcript = agent_config.runner === 'claude_code'
  const agent_binary = has_transcript ? findAgentBinary() : undefined
  const opened = await openSandbox({ settings, policy, folders, agent_binary, search_path: input.search_path })
  if (!opened.ok) return { outcome: 'error', error: opened.error, usage: no_model_usage }
  const { sandbox } = opened
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
  return saveAfter(input, session, await runKind(input, kind, folders, session, closers))
}

/** Does the work of an attempt. Throws on what nobody foresaw. */
export const doWork = async (input: WorkInput): Promise<WorkResult> => {
  const folders = makeFolders(input.settings)
  const closers: Closer[] = [() => folders.remove()]
  try {
    return await workIn(input, folders, closers)
  } finally {
    for (const close of closers.toReversed()) await close().catch(() => undefined)
  }
}
