/** The ECS operations that Lanekeeper calls, in the protocol that the AWS SDK speaks. Source: Amazon ECS API reference. */
import * as z from 'zod'
import { AwsError, awsJsonHandler, type Operation } from '../net/aws-json.ts'
import type { HttpHandler } from '../net/listen.ts'
import { checkCluster, parseBody, taskArn, type EcsSettings } from './cluster.ts'
import { metadata_path, metadataHandler } from './metadata.ts'
import { runTaskOperation } from './run-task.ts'
import { taskView, type Task } from './task.ts'

const StopTask = z.looseObject({ cluster: z.string().optional(), task: z.string(), reason: z.string().default('') })
const DescribeTasks = z.looseObject({ cluster: z.string().optional(), tasks: z.array(z.string()).min(1).max(100) })
const ListTasks = z.looseObject({
  cluster: z.string().optional(),
  startedBy: z.string().optional(),
  family: z.string().optional(),
  desiredStatus: z.enum(['RUNNING', 'PENDING', 'STOPPED']).default('RUNNING'),
})

const stopTask =
  (settings: EcsSettings): Operation =>
  async (raw) => {
    const request = parseBody(StopTask, raw)
    checkCluster(settings, request.cluster)
    const task = settings.tasks.find(taskArn(settings, request.task))
    if (task === undefined) throw new AwsError('InvalidParameterException', 'The referenced task was not found.')
    settings.tasks.stop(task, request.reason)
    return { task: taskView(task) }
  }

const describeTasks =
  (settings: EcsSettings): Operation =>
  async (raw) => {
    const request = parseBody(DescribeTasks, raw)
    checkCluster(settings, request.cluster)
    const asked = request.tasks.map((reference) => taskArn(settings, reference)).map((arn) => ({ arn, task: settings.tasks.find(arn) }))
    return {
      tasks: asked.flatMap(({ task }) => (task === undefined ? [] : [taskView(task)])),
      failures: asked.flatMap(({ arn, task }) => (task === undefined ? [{ arn, reason: 'MISSING' }] : [])),
    }
  }

const list_max = 100

const listTasks =
  (settings: EcsSettings): Operation =>
  async (raw) => {
    const request = parseBody(ListTasks, raw)
    checkCluster(settings, request.cluster)
    const wanted = request.desiredStatus === 'STOPPED' ? 'STOPPED' : 'RUNNING'
    const fits = (task: Task) =>
      task.desired_status === wanted &&
      (request.startedBy === undefined || task.started_by === request.startedBy) &&
      (request.family === undefined || task.definition.family === request.family)
    const found = [...settings.tasks.all()].filter(fits).slice(0, list_max)
    return { taskArns: found.map(({ arn }) => arn) }
  }

export const ecsHandler = (settings: EcsSettings): HttpHandler => {
  const metadata = metadataHandler(settings)
  const operations = awsJsonHandler('1.1', {
    RunTask: runTaskOperation(settings),
    StopTask: stopTask(settings),
    DescribeTasks: describeTasks(settings),
    ListTasks: listTasks(settings),
  })
  return async (request, response) => {
    const handle = request.method === 'GET' && request.url?.startsWith(metadata_path) === true ? metadata : operations
    await handle(request, response)
  }
}
