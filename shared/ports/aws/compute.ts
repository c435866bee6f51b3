/** Compute on ECS Fargate: one task per attempt, with a trusted container `runner` and the agent's beside it. */
import {
  ConflictException,
  DescribeTasksCommand,
  ECSServiceException,
  ListTasksCommand,
  RunTaskCommand,
  StopTaskCommand,
  type DesiredStatus,
  type ECSClient,
  type Failure,
  type RunTaskCommandInput,
  type Task,
} from '@aws-sdk/client-ecs'
import { agent_env, runner_env } from '../../contract/runner-protocol.ts'
import { roundUpSize, type SandboxSize } from '../../domain/sizes.ts'
import type { ComputeSettings } from '../../settings.ts'
import type { Resources } from '../../domain/policy.ts'
import type { Result } from '../../domain/result.ts'
import type { Compute, ExecutionState, Launch, LaunchResult } from '../ports.ts'

export interface EcsComputeOptions {
  readonly client: ECSClient
  readonly settings: ComputeSettings
  /** The sizes that the deployment sells; Fargate's where absent. */
  readonly sizes?: readonly SandboxSize[]
}

/** DescribeTasks takes no more. */
const describe_tasks_max = 100

interface AttemptName {
  readonly workspace_id: string
  readonly run_id: string
  readonly attempt_no: number
}
/** An attempt as `startedBy`, by which it can be found, and as the runner hears it: at most 128 of letters, digits, `-`, `_` and `/`. */
const nameOf = ({ workspace_id, run_id, attempt_no }: AttemptName): string => `${workspace_id}/${run_id}/${attempt_no}`

type Overrides = NonNullable<RunTaskCommandInput['overrides']>

/** Without `cpu` and `memory` the task definition's size holds. */
const sizeOverrides = (resources: Resources, sizes: readonly SandboxSize[]): Result<Overrides> => {
  const size = roundUpSize(resources, sizes)
  if (!size.ok) return size
  const { cpu_units, memory_mib, disk_gib } = size.value
  const sized = resources.cpu !== undefined || resources.memory !== undefined
  return {
    ok: true,
    value: {
      ...(sized ? { cpu: String(cpu_units), memory: String(memory_mib) } : {}),
      ...(disk_gib === undefined ? {} : { ephemeralStorage: { sizeInGiB: disk_gib } }),
    },
  }
}

const runTask = ({ settings }: EcsComputeOptions, launch: Launch, overrides: Overrides): RunTaskCommand => {
  const { policy } = launch
  return new RunTaskCommand({
    cluster: settings.cluster,
    taskDefinition: settings.task_definitions[policy.workspace_access],
    launchType: 'FARGATE',
    count: 1,
    clientToken: launch.attempt_id,
    startedBy: nameOf(launch),
    networkConfiguration: {
      awsvpcConfiguration: {
        subnets: settings.subnets,
        securityGroups: [policy.network_enabled ? settings.security_groups.open : settings.security_groups.closed],
        assignPublicIp: settings.assign_public_ip ? 'ENABLED' : 'DISABLED',
      },
    },
    overrides: {
      ...overrides,
      containerOverrides: [
        {
          name: 'runner',
          environment: [
            { name: runner_env.attempt, value: nameOf(launch) },
            { name: runner_env.claim_token, value: launch.claim_token },
            { name: runner_env.api_url, value: settings.api_url },
            ...((settings.doorbell_url ?? '') === '' ? [] : [{ name: runner_env.doorbell_url, value: settings.doorbell_url }]),
          ],
        },
        // The security group holds for both containers, so it cannot keep the agent in while the runner goes out.
        ...(policy.network_enabled ? [] : [{ name: 'agent', environment: [{ name: agent_env.network, value: 'closed' }] }]),
      ],
    },
  })
}

/** "Capacity is unavailable at this time", "You've reached the limit on the number of vCPUs you can run concurrently". */
const capacity_words = /capacity is unavailable|reached the limit/i
const throttling_names: ReadonlySet<string> = new Set([
  'ThrottlingException',
  'Throttling',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'LimitExceededException',
])

const failed = (message: string, throttled: boolean): LaunchResult => ({ ok: false, why: throttled ? 'throttled' : 'refused', message })

/** Failures that RunTask lists instead of a task. `RESOURCE:*`: nothing free of that resource just now. */
const ofFailure = ({ reason = '', detail = '' }: Failure): LaunchResult =>
  failed([reason, detail].filter((text) => text !== '').join(': '), reason.startsWith('RESOURCE') || capacity_words.test(`${reason} ${detail}`))

/** Throws again what says nothing about the launch: the server's failures and those of the network. */
const ofError = (error: unknown): LaunchResult => {
  if (!(error instanceof ECSServiceException)) throw error
  // The token was used with other parameters, as after an update of the settings: that task is this attempt's.
  const launched = error instanceof ConflictException ? error.resourceIds?.[0] : undefined
  if (launched !== undefined) return { ok: true, execution_id: launched }
  if (throttling_names.has(error.name) || capacity_words.test(error.message)) return failed(error.message, true)
  if (error.$fault === 'client') return failed(`${error.name}: ${error.message}`, false)
  throw error
}

const launchTask = async (options: EcsComputeOptions, launch: Launch): Promise<LaunchResult> => {
  const overrides = sizeOverrides(launch.policy.resources, options.sizes ?? [])
  if (!overrides.ok) return failed(overrides.detail, false)
  try {
    const { tasks = [], failures = [] } = await options.client.send(runTask(options, launch, overrides.value))
    const execution_id = tasks[0]?.taskArn
    if (execution_id !== undefined) return { ok: true, execution_id }
    const [failure] = failures
    if (failure === undefined) throw new Error('RunTask answered with neither a task nor a failure')
    return ofFailure(failure)
  } catch (error) {
    return ofError(error)
  }
}

const starting: ReadonlySet<string> = new Set(['PROVISIONING', 'PENDING', 'ACTIVATING'])
/** A task that is on its way down may still act, so it counts as running until it is known to be gone. */
const stateOf = (task: Task | undefined): ExecutionState => {
  if (task?.lastStatus === undefined) return 'unknown'
  if (task.lastStatus === 'STOPPED') return 'stopped'
  return starting.has(task.lastStatus) ? 'starting' : 'running'
}

const describeTasks = async ({ client, settings }: EcsComputeOptions, execution_ids: readonly string[]): Promise<readonly ExecutionState[]> => {
  const tasks = new Map<string, Task>()
  for (let start = 0; start < execution_ids.length; start += describe_tasks_max) {
    const described = await client.send(new DescribeTasksCommand({ cluster: settings.cluster, tasks: execution_ids.slice(start, start + describe_tasks_max) }))
    for (const task of described.tasks ?? []) if (task.taskArn !== undefined) tasks.set(task.taskArn, task)
  }
  return execution_ids.map((id) => stateOf(tasks.get(id)))
}

const stopTask = async ({ client, settings }: EcsComputeOptions, task: string, reason: string): Promise<void> => {
  try {
    await client.send(new StopTaskCommand({ cluster: settings.cluster, task, reason }))
  } catch (error) {
    const gone = error instanceof ECSServiceException && error.name === 'InvalidParameterException' && /not found/i.test(error.message)
    if (!gone) throw error
  }
}

/** A live task if there is one, else one that ECS still remembers. */
const findTask = async ({ client, settings }: EcsComputeOptions, attempt: AttemptName): Promise<string | undefined> => {
  for (const desiredStatus of ['RUNNING', 'STOPPED'] satisfies readonly DesiredStatus[]) {
    const { taskArns = [] } = await client.send(new ListTasksCommand({ cluster: settings.cluster, startedBy: nameOf(attempt), desiredStatus }))
    if (taskArns[0] !== undefined) return taskArns[0]
  }
  return undefined
}

export const ecsCompute = (options: EcsComputeOptions): Compute => ({
  launch: (launch) => launchTask(options, launch),
  stop: (execution_id, reason) => stopTask(options, execution_id, reason),
  describe: (execution_ids) => describeTasks(options, execution_ids),
  find: (attempt) => findTask(options, attempt),
})
