/** One ECS task, and how the API and its events describe it. Source: Task in the Amazon ECS API reference; "Task state change events" in its developer guide. */
import type { BusEvent } from '../events/bus.ts'
import type { Json } from '../template/template.ts'
import type { TaskDefinition } from './definitions.ts'

export interface TaskIdentity {
  readonly arn: string
  readonly cluster_arn: string
  readonly definition: TaskDefinition
  readonly started_by?: string | undefined
  readonly group: string
  /** As it was asked for, repeated in descriptions and events. */
  readonly overrides: { readonly [key: string]: Json }
  readonly created_at_ms: number
}

export interface Task extends TaskIdentity {
  last_status: 'PENDING' | 'RUNNING' | 'STOPPED'
  desired_status: 'RUNNING' | 'STOPPED'
  /** Grows with every change; events may overtake each other. */
  version: number
  started_at_ms?: number
  stopping_at_ms?: number
  stopped_at_ms?: number
  stop_code?: 'TaskFailedToStart' | 'EssentialContainerExited' | 'UserInitiated'
  stopped_reason?: string
  exit_code?: number
  /** Process id of the runner host; in the place of the container's runtime id. */
  host_pid?: number
}

/** The container that a runner host runs. The agent's container is the runner's sandbox. */
export const runner_container = 'runner'

const containersOf = (task: Task): Json[] =>
  task.definition.containers.map(({ name }) => ({
    containerArn: `${task.arn.replace(':task/', ':container/')}/${name}`,
    taskArn: task.arn,
    name,
    lastStatus: task.last_status,
    networkInterfaces: [],
    ...(task.host_pid === undefined ? {} : { runtimeId: String(task.host_pid) }),
    ...(name === runner_container && task.exit_code !== undefined ? { exitCode: task.exit_code } : {}),
  }))

/** @param time how an instant is written: seconds in the API, RFC 3339 in events */
const describe = (task: Task, time: (at_ms: number) => Json): { [key: string]: Json } => ({
  taskArn: task.arn,
  clusterArn: task.cluster_arn,
  taskDefinitionArn: task.definition.arn,
  group: task.group,
  launchType: 'FARGATE',
  lastStatus: task.last_status,
  desiredStatus: task.desired_status,
  version: task.version,
  cpu: task.definition.cpu,
  memory: task.definition.memory,
  overrides: { ...task.overrides },
  attachments: [],
  containers: containersOf(task),
  createdAt: time(task.created_at_ms),
  ...(task.started_by === undefined ? {} : { startedBy: task.started_by }),
  ...(task.started_at_ms === undefined ? {} : { startedAt: time(task.started_at_ms) }),
  ...(task.stopping_at_ms === undefined ? {} : { stoppingAt: time(task.stopping_at_ms) }),
  ...(task.stopped_at_ms === undefined ? {} : { stoppedAt: time(task.stopped_at_ms) }),
  ...(task.stop_code === undefined ? {} : { stopCode: task.stop_code }),
  ...(task.stopped_reason === undefined ? {} : { stoppedReason: task.stopped_reason }),
})

export const taskView = (task: Task): { [key: string]: Json } => describe(task, (at_ms) => at_ms / 1_000)

export const stateChangeEvent = (task: Task, now_ms: number): BusEvent => ({
  source: 'aws.ecs',
  detail_type: 'ECS Task State Change',
  resources: [task.arn],
  detail: { ...describe(task, (at_ms) => new Date(at_ms).toISOString()), updatedAt: new Date(now_ms).toISOString() },
})
