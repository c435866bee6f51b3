/**
 * The real handlers over the memory store with real runners: what is launched runs the runner's program with the real agent in this process,
 * which calls the runner API over HTTP. Signals are delivered and the sweep looks as time goes by; a test may let time jump, and hold back
 * launches and heartbeats, so that what it sends comes at a moment of its choice.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runnerApiHandler } from '../../functions/runner-api/handler.ts'
import { runAttempt } from '../../runner/attempt.ts'
import { runner_env, runner_routes } from '../../shared/contract/runner-protocol.ts'
import { applyAttemptEvent } from '../../shared/flows/finish.ts'
import { sweep } from '../../shared/flows/sweep.ts'
import type { SessionFile } from '../../shared/ports/ports.ts'
import type { Deployment } from '../../shared/settings.ts'
import { attemptFolders } from './attempt-folders.ts'
import { apiPlane, gatewayEvent, lambda_context, type Answered, type ApiPlane } from './http.ts'
import type { Sandbox } from './plane.ts'

export interface LivePlane {
  readonly plane: ApiPlane
  /** A request of an admin. */
  call(method: string, path: string, body?: unknown): Promise<Answered>
  /** What is launched from now on starts when this is called with false. */
  holdLaunches(hold: boolean): void
  /** Runners hear nothing of what is new until this is called with false. */
  holdHeartbeats(hold: boolean): void
  /** Time jumps. No attempt should be live: its lease would be over. */
  jump(by_ms: number): void
  /** Sandboxes that have not stopped. */
  live(): readonly Sandbox[]
  /** Puts an empty file into the workspace of the one attempt that runs: what a script may wait for. */
  touch(file: string): Promise<void>
  /** Whether a file is in that workspace. */
  has(file: string): Promise<boolean>
  /** Ends all runners, and waits for them. */
  close(): Promise<void>
}

export interface LiveOptions {
  /** Address of the model. */
  readonly model_url: string
  readonly deployment?: Partial<Deployment>
}

const look_every_ms = 25
const handled = { getRemainingTimeInMillis: () => 60_000 }

const readBody = async (incoming: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Saved files behind URLs of this server. */
const fileHost = (base: () => string) => {
  const kept = new Map<string, Buffer>()
  const pathOf = ({ session_id, fencing_token, turn, kind }: SessionFile) => `/files/${session_id}/${fencing_token}.${turn ?? ''}/${kind}`
  return {
    urlOf: async (file: SessionFile) => base() + pathOf(file),
    remove: async (file: SessionFile) => void kept.delete(pathOf(file)),
    serve: (method: string, path: string, bytes: Buffer, response: ServerResponse): void => {
      if (method === 'PUT') kept.set(path, bytes)
      const found = kept.get(path)
      response.writeHead(found === undefined ? 404 : 200).end(method === 'GET' ? found : undefined)
    },
  }
}

/** A gate that calls wait at while it is closed. */
const gate = () => {
  let opened = Promise.resolve()
  let open = (): void => undefined
  return {
    hold: (hold: boolean): void => {
      open()
      if (hold) opened = new Promise((resolve) => (open = resolve))
    },
    passed: async (): Promise<void> => opened,
  }
}

/** Runs what was launched, and stops what was told to stop. */
const sandboxHost = (live: ApiPlane, env: (sandbox: Sandbox) => Readonly<Record<string, string>>) => {
  const running = new Map<string, { readonly stop: AbortController; readonly ended: Promise<void> }>()
  const begin = async (sandbox: Sandbox, signal: AbortSignal): Promise<void> => {
    const exit_code = await runAttempt({ env: env(sandbox), signal })
    sandbox.state = 'stopped'
    const { workspace_id, run_id, attempt_no, execution_id } = sandbox
    await applyAttemptEvent(live.deps, { type: 'stopped', workspace_id, run_id, attempt_no, execution_id, exit_code, reason: 'it left' })
  }
  return {
    look: (may_start: boolean): void => {
      for (const sandbox of live.sandboxes) {
        const known = running.get(sandbox.execution_id)
        if (known === undefined && may_start && sandbox.state === 'starting') {
          sandbox.state = 'running'
          const stop = new AbortController()
          running.set(sandbox.execution_id, { stop, ended: begin(sandbox, stop.signal) })
        } else if (known !== undefined && sandbox.state === 'stopped') known.stop.abort()
      }
    },
    end: async (): Promise<void> => {
      for (const { stop } of running.values()) stop.abort()
      await Promise.all([...running.values()].map(async ({ ended }) => ended))
    },
  }
}

export const startLivePlane = async ({ model_url, deployment = {} }: LiveOptions): Promise<LivePlane> => {
  const plane = apiPlane({ deployment: { heartbeat_ms: 150, stop_grace_ms: 500, ...deployment } })
  const key = await plane.makeKey(plane.workspace_id, 'admin')
  const work_dir = await mkdtemp(join(tmpdir(), 'lk-live-'))
  const heartbeats = gate()
  let launches_held = false
  let url = ''
  let real_ms = performance.now()
  const keepTime = (): void => {
    const passed_ms = Math.floor(performance.now() - real_ms)
    real_ms += passed_ms
    plane.advance(passed_ms)
  }
  const files = fileHost(() => url)
  const log = { info: () => undefined, warn: () => undefined, error: (code: string, _fields: unknown, cause: unknown) => console.error(code, cause) }
  const runner_deps = { ...plane.deps, files: { ...plane.deps.files, downloadUrl: files.urlOf, uploadUrl: files.urlOf, remove: files.remove } }
  const runnerApi = runnerApiHandler(runner_deps, { ...runner_deps, log, metrics: { count: () => undefined } })
  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url: path = '' } = incoming
    const bytes = await readBody(incoming)
    if (path.startsWith('/files/')) return files.serve(method, path, bytes, response)
    if (path === runner_routes.heartbeat.path) await heartbeats.passed()
    keepTime()
    const { authorization = '' } = incoming.headers
    const event = gatewayEvent(method, path, { raw: bytes.toString(), ...(authorization === '' ? {} : { authorization }) })
    const { statusCode = 500, body = '' } = Object(await runnerApi(event, { ...lambda_context, ...handled }))
    // Runners whose clock is another go by the plane's.
    response.writeHead(statusCode, { 'content-type': 'application/json', date: new Date(plane.deps.clock.now()).toUTCString() }).end(body)
  }
  const server = createServer((incoming, response) => void serve(incoming, response).catch(() => response.destroy()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  const host = sandboxHost(plane, (sandbox) => ({
    [runner_env.attempt]: `${sandbox.workspace_id}/${sandbox.run_id}/${sandbox.attempt_no}`,
    [runner_env.claim_token]: sandbox.claim_token,
    [runner_env.api_url]: url,
    PATH: process.env['PATH'] ?? '',
    LANEKEEPER_WORK_DIR: work_dir,
    LANEKEEPER_STOP_GRACE_MS: '500',
    ALLOW_UNSANDBOXED: '1',
    ANTHROPIC_API_KEY: 'sk-ant-planted-model-key-0123456789',
    ANTHROPIC_BASE_URL: model_url,
  }))
  const looking = setInterval(() => {
    keepTime()
    void plane
      .deliver()
      .then(async () => sweep(plane.deps, (_record, cause) => console.error(cause)))
      .then(() => host.look(!launches_held))
  }, look_every_ms)
  const inWorkspace = async (file: string): Promise<string> => join(work_dir, (await attemptFolders(work_dir))[0] ?? '', 'workspace', file)
  return {
    plane,
    call: async (method, path, body) => {
      keepTime()
      return plane.call(method, path, { key, ...(body === undefined ? {} : { body }) })
    },
    holdLaunches: (hold) => void (launches_held = hold),
    holdHeartbeats: heartbeats.hold,
    jump: (by_ms) => plane.advance(by_ms),
    live: () => plane.sandboxes.filter(({ state }) => state !== 'stopped'),
    touch: async (file) => writeFile(await inWorkspace(file), ''),
    has: async (file) => existsSync(await inWorkspace(file)),
    close: async () => {
      heartbeats.hold(false)
      clearInterval(looking)
      await host.end()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await rm(work_dir, { recursive: true, force: true })
    },
  }
}
