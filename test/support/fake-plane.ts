/** The runner's side of the control plane in memory: one attempt, its logs, its session's files, and orders that a test gives. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { Claim, Finish, Heartbeat, RunnerLogs, runner_env, TurnEnd, UploadRequest, type VendedCredentials } from '../../shared/contract/runner-protocol.ts'
import type { LogEntry } from '../../shared/domain/event.ts'
import type { StopReason } from '../../shared/domain/run.ts'
import type { FileKind } from '../../shared/ports/ports.ts'
import type { ModelUsage } from '../../shared/domain/usage.ts'
import type * as z from 'zod'
import { assignmentOf, ids, type FakeCommand } from './fake-assignment.ts'
import { createFakeConversation, type FakeConversation } from './fake-conversation.ts'

const claim_token = 'claim-token-of-the-fake-plane'

interface Seen {
  readonly claims: Claim[]
  readonly heartbeats: (ModelUsage | undefined)[]
  /** What heartbeats said of the model credentials that the runner holds. */
  readonly credentials_expire_at: (string | undefined)[]
  readonly logs: LogEntry[]
  readonly finishes: Finish[]
  /** Finishes that were not recorded, because an input came before. */
  readonly refused_finishes: Finish[]
  readonly uploads: z.infer<typeof UploadRequest>[]
  /** Every path that was asked for, in order. */
  readonly paths: string[]
}

export interface FakePlane {
  readonly url: string
  readonly seen: Seen
  /** The run's turns, inputs and questions. */
  readonly talk: FakeConversation
  /** The session's files by kind, kept from one attempt to the next. */
  readonly files: Map<FileKind, Buffer>
  /** Prepares the next attempt; what was seen is forgotten. @returns the runner's environment */
  next(command: FakeCommand): Record<string, string>
  /** Every heartbeat from now on is answered with the order to stop. */
  orderStop(reason: StopReason): void
  /** Every heartbeat from now on brings these. */
  renewCredentials(fresh: VendedCredentials): void
  /** Every call from now on is answered 409. */
  supersede(): void
  /** Answers this many calls with 503 first. */
  failNext(calls: number): void
  /** Nothing is answered any more. */
  hang(): void
  /** The finish is recorded only after this many answers. */
  recordAfter(answers: number): void
  /** Resolves once `condition` holds of the log. Fails after ten seconds. */
  logged(condition: (text: string) => boolean): Promise<void>
  logText(): string
  close(): Promise<void>
}

const readBody = async (incoming: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

interface State {
  command: FakeCommand
  seen: Seen
  talk: FakeConversation
  files: Map<FileKind, Buffer>
  pending: Map<FileKind, Buffer>
  token_hash: string | undefined
  stop_reason: StopReason | undefined
  fresh: VendedCredentials | undefined
  superseded: boolean
  failures: number
  hanging: boolean
  unrecorded: number
  url: string
}

const emptySeen = (): Seen => ({ claims: [], heartbeats: [], credentials_expire_at: [], logs: [], finishes: [], refused_finishes: [], uploads: [], paths: [] })

type Answer = { readonly status: number; readonly body: unknown }
const ok = (body: unknown): Answer => ({ status: 200, body })
const problem = (status: number, code: string): Answer => ({ status, body: { code, title: code } })

const heartbeat = (state: State, body: unknown): Answer => {
  const { usage, model_credentials_expire_at } = Heartbeat.parse(body)
  state.seen.heartbeats.push(usage)
  state.seen.credentials_expire_at.push(model_credentials_expire_at)
  const lease = {
    heartbeat_ms: state.command.heartbeat_ms ?? 100,
    lease_expires_at: new Date(Date.now() + (state.command.lease_ms ?? 30_000)).toISOString(),
    ...(state.fresh === undefined ? {} : { model_credentials: state.fresh }),
    ...state.talk.heard(),
  }
  return ok(state.stop_reason === undefined ? { order: 'go_on', ...lease } : { order: 'stop', stop_reason: state.stop_reason, ...lease })
}

const keepFiles = (state: State, saved: Finish['saved']): void => {
  for (const kind of ['workspace', 'transcript'] as const) {
    const bytes = state.pending.get(kind)
    if (bytes !== undefined && saved?.[`${kind}_bytes`] === bytes.length) state.files.set(kind, bytes)
  }
}

const finish = (state: State, body: unknown): Answer => {
  const said = Finish.parse(body)
  if (state.talk.finish(said) === undefined) {
    state.seen.refused_finishes.push(said)
    return ok({ recorded: false, inputs_wait: true })
  }
  state.seen.finishes.push(said)
  keepFiles(state, said.saved)
  return ok({ recorded: state.unrecorded-- <= 0 })
}

const endTurn = (state: State, body: unknown): Answer => {
  const answer = state.talk.endTurn(body)
  if (answer === undefined) return problem(409, 'illegal_state')
  keepFiles(state, TurnEnd.parse(body).saved)
  return ok(answer)
}

const upload = (state: State, body: unknown): Answer => {
  const request = UploadRequest.parse(body)
  state.seen.uploads.push(request)
  return ok({ url: `${state.url}/files/${request.kind}` })
}

const takeInputs = (state: State, body: unknown): Answer => {
  const answer = state.talk.take(body)
  return answer === undefined ? problem(409, 'illegal_state') : ok(answer)
}

const route = (state: State, path: string, authorization: string | undefined, body: unknown): Answer => {
  if (path === '/v1/runner/claim') {
    const claim = Claim.parse(body)
    state.seen.claims.push(claim)
    if (claim.claim_token !== claim_token || (state.token_hash !== undefined && state.token_hash !== claim.attempt_token_hash))
      return problem(409, 'claim_rejected')
    state.token_hash = claim.attempt_token_hash
    return ok(assignmentOf(state))
  }
  const secret = authorization?.split('.').at(-1) ?? ''
  if (createHash('sha256').update(secret).digest('hex') !== state.token_hash) return problem(401, 'unauthenticated')
  switch (path) {
    case '/v1/runner/heartbeat':
      return heartbeat(state, body)
    case '/v1/runner/logs': {
      const { entries } = RunnerLogs.parse(body)
      state.seen.logs.push(...entries.filter((entry) => !state.seen.logs.some((known) => known.seq === entry.seq)))
      return ok({ stored: entries.length })
    }
    case '/v1/runner/uploads':
      return upload(state, body)
    case '/v1/runner/inputs':
      return takeInputs(state, body)
    case '/v1/runner/turns':
      return endTurn(state, body)
    case '/v1/runner/questions':
      return ok(state.talk.ask(body))
    case '/v1/runner/finish':
      return finish(state, body)
    default:
      return problem(404, 'route_not_found')
  }
}

const fileKind = (path: string): FileKind | undefined => (path === '/files/workspace' ? 'workspace' : path === '/files/transcript' ? 'transcript' : undefined)

const logText = (state: State): string => state.seen.logs.map((entry) => entry.data).join('\n')

const until = async (condition: () => boolean, what: string): Promise<void> => {
  for (let tries = 0; tries < 1_000; tries++) {
    if (condition()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`never came: ${what}`)
}

export const startFakePlane = async (): Promise<FakePlane> => {
  const state: State = {
    command: { message: '' },
    seen: emptySeen(),
    talk: createFakeConversation(),
    files: new Map(),
    pending: new Map(),
    token_hash: undefined,
    stop_reason: undefined,
    fresh: undefined,
    superseded: false,
    failures: 0,
    hanging: false,
    unrecorded: 0,
    url: '',
  }
  const server = createServer((incoming, response) => {
    const handle = async (): Promise<void> => {
      const path = incoming.url ?? ''
      const bytes = await readBody(incoming)
      if (state.hanging) return
      const kind = fileKind(path)
      if (kind !== undefined) {
        if (incoming.method === 'PUT') state.pending.set(kind, bytes)
        response.end(incoming.method === 'GET' ? state.files.get(kind) : '')
        return
      }
      state.seen.paths.push(path)
      const answer =
        state.failures-- > 0
          ? problem(503, 'unavailable')
          : state.superseded
            ? problem(409, 'attempt_superseded')
            : route(state, path, incoming.headers.authorization, JSON.parse(bytes.toString()))
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body))
    }
    handle().catch((error: unknown) => response.writeHead(400).end(JSON.stringify({ code: 'invalid_request', detail: String(error) })))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  state.url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  return {
    url: state.url,
    get seen() {
      return state.seen
    },
    get talk() {
      return state.talk
    },
    files: state.files,
    next: (command) => {
      if (command.again === undefined) state.talk = createFakeConversation()
      else state.talk.nextAttempt()
      Object.assign(state, {
        command,
        seen: emptySeen(),
        token_hash: undefined,
        stop_reason: undefined,
        fresh: undefined,
        superseded: false,
        failures: 0,
        hanging: false,
        unrecorded: 0,
      })
      state.pending.clear()
      return {
        [runner_env.attempt]: `${ids.workspace_id}/${ids.run_id}/${state.talk.attempt_no}`,
        [runner_env.claim_token]: claim_token,
        [runner_env.api_url]: state.url,
      }
    },
    orderStop: (reason) => void (state.stop_reason = reason),
    renewCredentials: (fresh) => void (state.fresh = fresh),
    supersede: () => void (state.superseded = true),
    failNext: (calls) => void (state.failures = calls),
    hang: () => void (state.hanging = true),
    recordAfter: (answers) => void (state.unrecorded = answers),
    logged: (condition) => until(() => condition(logText(state)), 'the log'),
    logText: () => logText(state),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
