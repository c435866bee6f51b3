/** RunTask: launches once for a client token, with the environment of the runner container. Source: Amazon ECS API reference. */
import { randomBytes } from 'node:crypto'
import * as z from 'zod'
import { AwsError, type Operation } from '../net/aws-json.ts'
import { Json } from '../template/template.ts'
import { checkCluster, parseBody, taskArn, type EcsSettings } from './cluster.ts'
import { findDefinition, type TaskDefinition } from './definitions.ts'
import { metadata_path } from './metadata.ts'
import { runner_container, taskView, type Task } from './task.ts'
import type { Tasks } from './tasks.ts'

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

const start = (settings: EcsSettings, request: RunTask): Task => {
  const definition = findDefinition(settings.definitions, request.taskDefinition)
  if (definition === undefined) throw new AwsError('ClientException', 'TaskDefinition not found.')
  const identity = {
    arn: taskArn(settings, randomBytes(16).toString('hex')),
    cluster_arn: settings.cluster.arn,
    definition,
    started_by: request.startedBy,
    group: request.group ?? `family:${definition.family}`,
    overrides: z.record(z.string(), Json).parse(request.overrides),
    created_at_ms: settings.now(),
  }
  return settings.tasks.run(identity, environmentOf(definition, request, identity.arn, settings))
}

export const runTaskOperation = (settings: EcsSettings): Operation => {
  const tokens = makeTokens(settings.tasks)
  return async (raw) => {
    const request = parseBody(RunTask, raw)
    checkCluster(settings, request.cluster)
    if (request.count !== 1) throw new AwsError('InvalidParameterException', 'the local ECS starts one task at a time')
    const body = JSON.stringify(raw)
    const known = request.clientToken === undefined ? undefined : tokens.find(request.clientToken, body)
    if (known !== undefined) return { tasks: [taskView(known)], failures: [] }
    const refusal = settings.refusal()
    if (refusal !== undefined) throw refusal
    const task = start(settings, request)
    if (request.clientToken !== undefined) tokens.remember(request.clientToken, task.arn, body)
    return { tasks: [taskView(task)], failures: [] }
  }
}
