/** The local stack as a whole: what listens, what is provisioned, in which order it comes up and goes down. */
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { probeSandbox, type SandboxProbe } from '../runner/sandbox/probe.ts'
import { system_ids } from '../shared/ports/ids.ts'
import { startDynamoDb, type DynamoDb } from './dynamodb/process.ts'
import { provisionTables } from './dynamodb/tables.ts'
import { listen, type HttpHandler, type Listener, type UpgradeHandler } from './net/listen.ts'
import { startPlane, type Plane } from './plane.ts'
import { firstKey, writePrivate, type FirstKey } from './setup/first-key.ts'
import { takeLock } from './setup/lock.ts'
import { chooseModel, type Model } from './setup/model.ts'
import type { Options } from './setup/options.ts'
import { runtimeEnvironment } from './setup/runtime-environment.ts'
import { resolveStack, type ResolvedStack } from './template/resolved.ts'
import { synthesize } from './template/synth.ts'
import { readSynthesized, type SynthesizedStack } from './template/template.ts'

type Env = Readonly<Record<string, string | undefined>>

export interface StackInfo extends FirstKey {
  readonly api_url: string
  readonly sandbox: SandboxProbe
  readonly model: string
}

export interface Stack {
  readonly info: StackInfo
  /** Resolves, saying why, if a part ended that the stack cannot do without. */
  readonly broken: Promise<string>
  stop(): Promise<void>
}

const region = 'us-east-1'
const account = '000000000000'

/** A door that answers 503 until what is behind it is there. */
const makeDoor = async (port?: number) => {
  let behind: HttpHandler = async (_, response) => {
    response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' }).end('{"message":"Service Unavailable"}')
  }
  let upgrade: UpgradeHandler = (_, socket) => void socket.destroy()
  const listener = await listen(
    (request, response) => behind(request, response),
    port,
    (request, socket, head) => upgrade(request, socket, head),
  )
  const open = (handler: HttpHandler, upgrading: UpgradeHandler = upgrade) => {
    behind = handler
    upgrade = upgrading
  }
  return { listener, open }
}
type Door = Awaited<ReturnType<typeof makeDoor>>

interface Doors {
  readonly api: Door
  readonly sqs: Door
  readonly s3: Door
  readonly ecs: Door
  readonly scheduler: Door
  readonly secrets: Door
}

const openDoors = async (port: number): Promise<Doors> => {
  const api = await makeDoor(port).catch((cause: unknown) => {
    throw new Error(`port ${port} cannot be used: choose another with --port`, { cause })
  })
  return { api, sqs: await makeDoor(), s3: await makeDoor(), ecs: await makeDoor(), scheduler: await makeDoor(), secrets: await makeDoor() }
}

/** What any program needs to run, and no secret. */
const hostEnvironment = (env: Env): Record<string, string> =>
  Object.fromEntries(
    ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TMPDIR', 'TERM']
      .flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))
      .concat([['MALLOC_ARENA_MAX', '2']]),
  )

interface Found {
  readonly synthesized: SynthesizedStack
  readonly dynamodb: DynamoDb
  readonly sandbox: SandboxProbe
  readonly model: Model
}

/** All that does not depend on each other, at once. */
const find = async (options: Options, env: Env, say: (line: string) => void): Promise<Found> => {
  const synth = async () => {
    if (options.template !== undefined) return readSynthesized(options.template)
    const { folder, cached } = await synthesize(options.root, join(options.root, '.build', 'cdk'))
    say(cached ? 'template: as synthesized before' : 'template: synthesized')
    return readSynthesized(folder)
  }
  const [synthesized, dynamodb, sandbox, model] = await Promise.all([
    synth(),
    startDynamoDb(join(options.data, 'dynamodb'), env['DYNAMODB_ENDPOINT']),
    probeSandbox(),
    chooseModel(env, options.parameters),
  ])
  return { synthesized, dynamodb, sandbox, model }
}

const resolved = (options: Options, { synthesized, sandbox, model }: Found, doors: Doors): ResolvedStack => {
  const { network, files, hint } = sandbox
  const parameters = {
    Runners: 'claude_code,process',
    SandboxJson: JSON.stringify({ network, files, hint }),
    ...model.parameters,
    ...options.parameters,
  }
  const surroundings = { region, account, stack_name: synthesized.stack_name, api_url: doors.api.listener.url, sqs_url: doors.sqs.listener.url }
  return resolveStack(synthesized, parameters, surroundings)
}

const provision = async (options: Options, env: Env, found: Found, doors: Doors): Promise<{ readonly plane: Plane; readonly table: string }> => {
  const stack = resolved(options, found, doors)
  const [table, ...others] = await provisionTables(stack, found.dynamodb.url)
  if (table === undefined || others.length > 0) throw new Error('the local stack keeps its first key in the one table of the template')
  // Made anew at every start: URLs that were presigned for an attempt are good for minutes.
  const credentials = { access_key_id: 'local', secret_access_key: randomBytes(32).toString('base64url') }
  const urls = {
    dynamodb: found.dynamodb.url,
    sqs: doors.sqs.listener.url,
    s3: doors.s3.listener.url,
    ecs: doors.ecs.listener.url,
    scheduler: doors.scheduler.listener.url,
    secrets: doors.secrets.listener.url,
  }
  const metered = env['LANEKEEPER_CAPACITY'] === '1'
  const work = join(options.data, 'work')
  await rm(work, { recursive: true, force: true })
  const plane = await startPlane({
    stack,
    synthesized: found.synthesized,
    data: options.data,
    credentials,
    runtime_environment: { ...runtimeEnvironment(urls, region, credentials), ...(metered ? { LANEKEEPER_CAPACITY: '1' } : {}) },
    metered,
    secrets: found.model.secrets,
    container_environment: { LANEKEEPER_WORK_DIR: work, ...(env['ALLOW_UNSANDBOXED'] === '1' ? { ALLOW_UNSANDBOXED: '1' } : {}), ...found.model.environment },
    ecs_url: urls.ecs,
    host_environment: hostEnvironment(env),
    sweep_every_ms: options.sweep_every_ms,
    launches_per_s: options.launches_per_s,
  })
  doors.sqs.open(plane.handlers.sqs)
  doors.s3.open(plane.handlers.s3)
  doors.ecs.open(plane.handlers.ecs)
  doors.scheduler.open(plane.handlers.scheduler)
  doors.secrets.open(plane.handlers.secrets)
  doors.api.open(plane.handlers.api, plane.upgrade)
  await writePrivate(join(options.data, 'endpoints.json'), { ...urls, api: doors.api.listener.url, table, process_id: process.pid })
  return { plane, table }
}

/** Asks for health until it is 200. @throws with the last answer, after a minute */
const untilHealthy = async (api_url: string): Promise<void> => {
  let last = ''
  for (const deadline_ms = performance.now() + 60_000; performance.now() < deadline_ms; await delay(50)) {
    const response = await fetch(`${api_url}/v1/health`)
    last = `${response.status} ${await response.text()}`
    if (response.ok) return
  }
  throw new Error(`the API is not healthy: ${last}`)
}

const closeAll = (listeners: readonly Listener[]) => Promise.all(listeners.map((listener) => listener.close()))

/** @param say one line of progress */
export const startStack = async (options: Options, env: Env, say: (line: string) => void): Promise<Stack> => {
  const lock = await takeLock(options.data)
  const local_file = join(options.data, 'local.json')
  // Its presence says that the stack is ready.
  await rm(local_file, { force: true })
  const doors = await openDoors(options.port)
  const found = await find(options, env, say)
  say('parts: database, queues and files listen on loopback')
  const { plane, table } = await provision(options, env, found, doors)
  say('plane: provisioned from the template')
  const place = { folder: options.data, dynamodb_url: found.dynamodb.url, table, region, mintWorkspace: () => system_ids.mint('workspace') }
  const [key] = await Promise.all([firstKey(place), untilHealthy(doors.api.listener.url)])
  const api_url = doors.api.listener.url
  await writePrivate(local_file, { api_url, ...key })
  return {
    info: { ...key, api_url, sandbox: found.sandbox, model: found.model.label },
    broken: found.dynamodb.crashed.then((said) => `the database ended: ${said}`),
    stop: async () => {
      await plane.stop()
      await closeAll(Object.values(doors).map((door: Door) => door.listener))
      await found.model.close()
      await found.dynamodb.stop()
      await lock.release()
    },
  }
}
