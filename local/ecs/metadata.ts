/** Task metadata endpoint version 4, `${ECS_CONTAINER_METADATA_URI_V4}/task`, as far as it says which task this is. */
import type { HttpHandler } from '../net/listen.ts'
import { taskArn, type EcsSettings } from './cluster.ts'
import type { Task } from './task.ts'

export const metadata_path = '/v4/'

const taskMetadata = (task: Task) => ({
  Cluster: task.cluster_arn,
  TaskARN: task.arn,
  Family: task.definition.family,
  Revision: '1',
  DesiredStatus: task.desired_status,
  KnownStatus: task.last_status,
  LaunchType: 'FARGATE',
})

export const metadataHandler =
  (settings: EcsSettings): HttpHandler =>
  async (request, response) => {
    const [id = ''] = (request.url ?? '').slice(metadata_path.length).split('/')
    const task = settings.tasks.find(taskArn(settings, id))
    response.writeHead(task === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(task === undefined ? {} : taskMetadata(task)))
  }
