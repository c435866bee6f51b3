/** The parts of the template, provisioned and joined: queues feed functions, the API invokes them, tasks put events on the bus. */
import { join } from 'node:path'
import * as z from 'zod'
import { provisionTaskDefinitions } from './ecs/definitions.ts'
import { makeHosts } from './ecs/hosts.ts'
import { tokenBucket } from './ecs/rate.ts'
import { ecsHandler } from './ecs/server.ts'
import { makeTasks } from './ecs/tasks.ts'
import { makeBus } from './events/bus.ts'
import { startScheduler } from './events/scheduler.ts'
import { startAlarms } from './scheduler/alarms.ts'
import { secretsHandler } from './secrets.ts'
import { schedulerHandler } from './scheduler/server.ts'
import { functionUrlHandler, provisionFunctionUrls } from './http-api/function-url.ts'
import { provisionHttpApi } from './http-api/provision.ts'
import { httpApiHandler } from './http-api/server.ts'
import { openLogFile } from './lambda/log-file.ts'
import { provisionFunctions } from './lambda/provision.ts'
import { AwsError } from './net/aws-json.ts'
import type { HttpHandler, UpgradeHandler } from './net/listen.ts'
import { openObjects } from './s3/objects.ts'
import { s3Handler } from './s3/server.ts'
import type { Credentials } from './s3/signature.ts'
import { startEventSources } from './sqs/event-sources.ts'
import { provisionQueues } from './sqs/provision.ts'
import { sqsHandler } from './sqs/server.ts'
import { system_timers } from './sqs/timers.ts'
import { webSocketGateway } from './websocket/gateway.ts'
import { provisionWebSocketApi } from './websocket/provision.ts'
import type { ResolvedStack } from './template/resolved.ts'
import type { SynthesizedStack } from './template/template.ts'

export interface PlaneSettings {
  readonly stack: ResolvedStack
  readonly synthesized: SynthesizedStack
  readonly data: string
  readonly credentials: Credentials
  readonly runtime_environment: Readonly<Record<string, string>>
  /** Container secrets by environment name. */
  readonly secrets: Readonly<Record<string, string>>
  /** What every runner container gets beside its task definition. */
  readonly container_environment: Readonly<Record<string, string>>
  /** Where the ECS endpoint listens. */
  readonly ecs_url: string
  /** The environment of runner host processes. */
  readonly host_environment: Readonly<Record<string, string>>
  readonly sweep_every_ms: number | undefined
  readonly launches_per_s: number | undefined
  /** Functions write what they consume to their logs, for benchmarks. */
  readonly metered: boolean
}

export interface Plane {
  readonly handlers: {
    readonly api: HttpHandler
    readonly sqs: HttpHandler
    readonly s3: HttpHandler
    readonly ecs: HttpHandler
    readonly scheduler: HttpHandler
    readonly secrets: HttpHandler
  }
  /** Takes the API's requests that become WebSockets. */
  readonly upgrade: UpgradeHandler
  /** Stops tasks in order, then the rest. */
  stop(): Promise<void>
}

/** Long enough for a runner to save its session and say so. */
const stop_grace_ms = 8_000

const throttled = new AwsError('ThrottlingException', 'Rate exceeded.')
const full = new AwsError('ClientException', 'Capacity is unavailable at this time. The local stack runs no more tasks at once.')
/** Runs at once; the machine is out of breath long before. */
const tasks_max = 256

const makeCompute = (settings: PlaneSettings, bus: ReturnType<typeof makeBus>) => {
  const { stack } = settings
  const log = openLogFile(join(settings.data, 'logs', 'runner.log'))
  const hosts = makeHosts({ slots: 32, idle_ms: 30_000, unanswered_ms: 2_000, environment: settings.host_environment, log: log.write })
  const tasks = makeTasks({ hosts, bus, now: Date.now, stopped_max: 5_000 })
  const [cluster] = stack.of(['AWS::ECS::Cluster'], z.looseObject({}))
  if (cluster === undefined) throw new Error('the template has no ECS cluster')
  const launches = settings.launches_per_s === undefined ? undefined : tokenBucket(settings.launches_per_s, settings.launches_per_s, Date.now)
  let stopping = false
  const refusal = () => {
    if (stopping || launches?.take() === false) return throttled
    return tasks.running() >= tasks_max ? full : undefined
  }
  const handler = ecsHandler({
    cluster: { arn: cluster.identity.arn, name: cluster.identity.name },
    definitions: provisionTaskDefinitions(stack),
    tasks,
    now: Date.now,
    secrets: settings.secrets,
    environment: settings.container_environment,
    url: settings.ecs_url,
    refusal,
  })
  const stop = async () => {
    stopping = true
    for (const task of tasks.all()) tasks.stop(task, 'the local stack stops')
    await tasks.idle(stop_grace_ms)
    await hosts.stop()
  }
  return { handler, stop, warm: hosts.warm }
}

export const startPlane = async (settings: PlaneSettings): Promise<Plane> => {
  const { stack, synthesized, data } = settings
  const events_log = openLogFile(join(data, 'logs', 'events.log'))
  const note = (error: unknown) => events_log.write(`${new Date().toISOString()} ${String(error)}\n`)
  const queues = provisionQueues(stack, system_timers)
  const { runtime_environment, metered } = settings
  const functions = provisionFunctions({ stack, synthesized, logs_folder: join(data, 'logs'), runtime_environment, metered })
  const sockets = webSocketGateway(provisionWebSocketApi(stack, functions, Date.now))
  const http_api = httpApiHandler(provisionHttpApi(stack, functions, Date.now))
  const api = functionUrlHandler(provisionFunctionUrls(stack, functions), Date.now, sockets.handler(http_api))
  const compute = makeCompute(settings, makeBus(stack, queues, functions, Date.now, note))
  const objects = await openObjects(join(data, 's3'))
  const buckets = new Set(stack.of(['AWS::S3::Bucket'], z.looseObject({})).map(({ identity }) => identity.name))
  const event_sources = startEventSources(stack, queues, functions, system_timers)
  const alarms = await startAlarms({ folder: join(data, 'scheduler'), stack, queues, functions, timers: system_timers, on_failed: note })
  const scheduler = startScheduler(stack, queues, functions, { timers: system_timers, every_ms: settings.sweep_every_ms, on_failed: note })
  compute.warm()
  return {
    handlers: {
      api,
      sqs: sqsHandler(queues),
      s3: s3Handler({ objects, buckets, credentials: settings.credentials, now: Date.now }),
      ecs: compute.handler,
      scheduler: schedulerHandler(alarms),
      secrets: secretsHandler(stack, settings.secrets),
    },
    upgrade: sockets.upgrade,
    stop: async () => {
      scheduler.stop()
      alarms.stop()
      await compute.stop()
      sockets.stop()
      await event_sources.stop()
      for (const queue of queues.values()) queue.purge()
      await Promise.all([...functions.values()].map((one) => one.stop()))
    },
  }
}
