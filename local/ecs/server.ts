/** The ECS operations that Lanekeeper calls, in the protocol that the AWS SDK speaks. Source: Amazon ECS API reference. */
import { randomBytes } from 'node:crypto'
import * as z from 'zod'
import { AwsError, awsJsonHandler, type Operation } from '../net/aws-json.ts'
import type { HttpHandler } from '../net/listen.ts'
import { Json } from '../template/template.ts'
import { findDefinition, type TaskDefinition, type TaskDefinitions } from './definitions.ts'
import { runner_container, taskView, type Task } from './task.ts'
import type { Tasks } from './tasks.ts'

export interface EcsSettings {
  readonly cluster: { readonly arn: string; readonly name: string }
  readonly definitions: TaskDefinitions
  readonly tasks: Tasks
  readonly now: () => number
  /** Values of container secrets, by the name of their environment variable; absent ones are not set. */
  readonly secrets: Readonly<Record<string, string>>
  /** What this machine puts into every container, beside what the task definition says and in its place. */
  readonly environment: Readonly<Record<string, string>>
  /** Base URL of this endpoint; it serves the metadata of tasks too. */
  readonly url: string
  /** Why no task may start now, if so. */
  readonly refusal: () => AwsError | undefined
}

const RunTask = z.looseObject({
  cluster: z.string().optional(),
  taskDefinition: z.string(),
  clientToken: z.string().max(64).optional(),
  count: z.int().default(1),
  group: z.string().optional(),
  startedBy: z.string().max(128).optional(),
  overrides: z
    .looseObject({
      containerOverrides: z
        .array(z.looseObject({ name: z.string(), environment: z.array(z.looseObject({ name: z.string(), value: z.string() })).default([]) }))
        .default([]),
    })
    .default({ containerOverrides: [] }),
})
type RunTask = z.infer<typeof RunTask>
const StopTask = z.looseObject({ cluster: z.string().optional(), task: z.string(), reason: z.string().default('') })
const DescribeTasks = z.looseObject({ cluster: z.string().optional(), tasks: z.array(z.string()).min(1).max(100) })
const ListTasks = z.looseObject({
  cluster: z.string().optional(),
  startedBy: z.string().optional(),
  family: z.string().optional(),
  desiredStatus: z.enum(['RUNNING', 'PENDING', 'STOPPED']).default('RUNNING'),
})

const parse = <S extends z.ZodType>(schema: S, body: unknown): z.infer<S> => {
  const parsed = schema.safeParse(body)
  if (!parsed.success) throw new AwsError('InvalidParameterException', z.prettifyError(parsed.error))
  return parsed.data
}

/** The environment of the runner container: what ECS sets, then definition, what this machine says otherwise, secrets, overrides. */
const environmentOf = (definition: TaskDefinition, request: RunTask, arn: string, settings: EcsSettings): Record<string, string> => {
  const container = definition.containers.find(({ name }) => name === runner_container)
  if (container === undefined) throw new AwsError('ClientException', `the task definition ${definition.arn} has no container ${runner_container}`)
  const secrets = container.secrets.flatMap((name) => {
    const value = settings.secrets[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  const overrides = request.overrides.containerOverrides.filter(({ name }) => name === runner_container).flatMap(({ environment }) => environment)
  return {
    ECS_CONTAINER_METADATA_URI_V4: `${settings.url}${metadata_path}${arn.split('/').at(-1)}`,
    ...container.environment,
    ...settings.environment,
    ...Object.fromEntries(secrets),
    ...Object.fromEntries(overrides.map(({ name, value }) => [name, value])),
  }
}

/** Task metadata endpoint version 4, `${ECS_CONTAINER_METADATA_URI_V4}/task`, as far as it says which task this is. */
const metadata_path = '/v4/'
const taskMetadata = (task: Task) => ({
  Cluster: task.cluster_arn,
  TaskARN: task.arn,
  Family: task.definition.family,
  Revision: '1',
  DesiredStatus: task.desired_status,
  KnownStatus: task.last_status,
  LaunchType: 'FARGATE',
})

/** Repeats of one client token get the first task, as long as it is known. */
const makeTokens = (tasks: Tasks) => {
  const given = new Map<string, { readonly arn: string; readonly body: string }>()
  return {
    find: (token: string, body: string): Task | undefined => {
      const known = given.get(token)
      const task = known === undefined ? undefined : tasks.find(known.arn)
      if (known === undefined) return undefined
      if (task === undefined) {
        given.delete(token)
        return undefined
      }
      if (known.body !== body) {
        const fields = { resourceIds: [known.arn] }
        throw new AwsError('ConflictException', 'The client token is already in use with a different RunTask request.', { fields })
      }
      return task
    },
    remember: (token: string, arn: string, body: string) => {
      given.set(token, { arn, body })
      // In the order of their making, so the first ones are those whose tasks are forgotten first.
      for (const [old, entry] of given) {
        if (tasks.find(entry.arn) !== undefined) return
        given.delete(old)
      }
    },
  }
}

export const ecsHandler = (settings: EcsSettings): HttpHandler => {
  const { tasks, definitions, cluster, now } = settings
  const tokens = makeTokens(tasks)
  const checkCluster = (reference: string | undefined) => {
    if (reference !== undefined && reference !== cluster.arn && reference !== cluster.name) throw new AwsError('ClusterNotFoundException', 'Cluster not found.')
  }
  const arnOf = (reference: string) => (reference.startsWith('arn:') ? reference : `${cluster.arn.replace(':cluster/', ':task/')}/${reference}`)
  const start = (request: RunTask): Task => {
    const definition = findDefinition(definitions, request.taskDefinition)
    if (definition === undefined) throw new AwsError('ClientException', 'TaskDefinition not found.')
    const identity = {
      arn: arnOf(randomBytes(16).toString('hex')),
      cluster_arn: cluster.arn,
      definition,
      started_by: request.startedBy,
      group: request.group ?? `family:${definition.family}`,
      overrides: z.record(z.string(), Json).parse(request.overrides),
      created_at_ms: now(),
    }
    return tasks.run(identity, environmentOf(definition, request, identity.arn, settings))
  }
  const runTask: Operation = async (raw) => {
    const request = parse(RunTask, raw)
    checkCluster(request.cluster)
    if (request.count !== 1) throw new AwsError('InvalidParameterException', 'the local ECS starts one task at a time')
    const body = JSON.stringify(raw)
    const known = request.clientToken === undefined ? undefined : tokens.find(request.clientToken, body)
    if (known !== undefined) return { tasks: [taskView(known)], failures: [] }
    const refusal = settings.refusal()
    if (refusal !== undefined) throw refusal
    const task = start(request)
    if (request.clientToken !== undefined) tokens.remember(request.clientToken, task.arn, body)
    return { tasks: [taskView(task)], failures: [] }
  }
  const stopTask: Operation = async (raw) => {
    const request = parse(StopTask, raw)
    checkCluster(request.cluster)
    const task = tasks.find(arnOf(request.task))
    if (task === undefined) throw new AwsError('InvalidParameterException', 'The referenced task was not found.')
    tasks.stop(task, request.reason)
    return { task: taskView(task) }
  }
  const describeTasks: Operation = async (raw) => {
    const request = parse(DescribeTasks, raw)
    checkCluster(request.cluster)
    const asked = request.tasks.map((reference) => ({ arn: arnOf(reference), task: tasks.find(arnOf(reference)) }))
    return {
      tasks: asked.flatMap(({ task }) => (task === undefined ? [] : [taskView(task)])),
      failures: asked.flatMap(({ arn, task }) => (task === undefined ? [{ arn, reason: 'MISSING' }] : [])),
    }
  }
  const listTasks: Operation = async (raw) => {
    const request = parse(ListTasks, raw)
    checkCluster(request.cluster)
    const wanted = request.desiredStatus === 'STOPPED' ? 'STOPPED' : 'RUNNING'
    const fits = (task: Task) =>
      task.desired_status === wanted &&
      (request.startedBy === undefined || task.started_by === request.startedBy) &&
      (request.family === undefined || task.definition.family === request.family)
    return {
      taskArns: [...tasks.all()]
        .filter(fits)
        .slice(0, 100)
        .map(({ arn }) => arn),
    }
  }
  const operations = awsJsonHandler('1.1', { RunTask: runTask, StopTask: stopTask, DescribeTasks: describeTasks, ListTasks: listTasks })
  return async (request, response) => {
    if (request.method !== 'GET' || request.url?.startsWith(metadata_path) !== true) return operations(request, response)
    const [id = ''] = request.url.slice(metadata_path.length).split('/')
    const task = tasks.find(arnOf(id))
    response.writeHead(task === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(task === undefined ? {} : taskMetadata(task)))
  }
}
