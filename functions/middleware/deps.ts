/** The dependencies of the functions, bound to AWS once per process, from the environment. */
import { ECSClient } from '@aws-sdk/client-ecs'
import { SchedulerClient } from '@aws-sdk/client-scheduler'
import { S3Client } from '@aws-sdk/client-s3'
import { SQSClient } from '@aws-sdk/client-sqs'
import { STSClient } from '@aws-sdk/client-sts'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { eventBridgeAlarmClock } from '../../shared/ports/aws/alarm-clock.ts'
import { ecsCompute } from '../../shared/ports/aws/compute.ts'
import { s3_client_settings, s3Files } from '../../shared/ports/aws/files.ts'
import { sts_client_settings, stsModelCredentials } from '../../shared/ports/aws/model-credentials.ts'
import { sqsSignals } from '../../shared/ports/aws/signals.ts'
import { messagesModel } from '../../shared/ports/aws/text-model.ts'
import { system_clock } from '../../shared/ports/clock.ts'
import { system_ids } from '../../shared/ports/ids.ts'
import { dynamoStore } from '../../shared/store/dynamo.ts'
import { env_names, readAlarmClock, readCompute, readDeployment, readEnv, readTextModel } from '../../shared/settings.ts'
import { createCommandMemory } from '../../shared/flows/command-memory.ts'
import { plane_service } from '../../shared/ops/metrics.ts'
import { healthTeller } from './health.ts'
import { powertoolsMetrics } from './metrics.ts'
import type { ComputeDeps, FlowDeps, LookDeps } from '../../shared/flows/flow.ts'
import type { Log } from '../../shared/ops/log.ts'
import { capacityMeter } from './capacity.ts'

const { env } = process
const onCapacity = capacityMeter(env, (line) => void process.stdout.write(line))

/** Each command is set up once per kind and not once per call. Our commands bring no middleware of their own, which is what the SDK asks for. */
const sdk_settings = { cacheMiddleware: true } as const

/** What every function needs. */
export const flowDeps = (log: Log): FlowDeps => ({
  store: dynamoStore({
    client: new DynamoDBClient(sdk_settings),
    table: readEnv(env, 'table'),
    ...(onCapacity === undefined ? {} : { onCapacity }),
  }),
  signals: sqsSignals({
    client: new SQSClient(sdk_settings),
    ids: system_ids,
    queues: { dispatch: env.LANEKEEPER_DISPATCH_QUEUE_URL, attempt_events: env.LANEKEEPER_ATTEMPT_EVENTS_QUEUE_URL, wake: env.LANEKEEPER_WAKE_QUEUE_URL },
  }),
  clock: system_clock,
  ids: system_ids,
  files: s3Files({ client: new S3Client(s3_client_settings), bucket: readEnv(env, 'bucket') }),
  deployment: readDeployment(env),
  commands: createCommandMemory(),
  report: (what, cause) => log.warn(what, {}, cause),
  onHealth: healthTeller(log, powertoolsMetrics(plane_service)),
})

/** What the function that drafts schedules needs: it reads API keys, and asks the model. */
export const draftDeps = () => {
  const { provider, base_url, model, secret_arn } = readTextModel(env)
  return {
    store: dynamoStore({ client: new DynamoDBClient({}), table: readEnv(env, 'table') }),
    clock: system_clock,
    model: messagesModel({
      provider,
      base_url,
      model,
      secret_arn,
      region: env['AWS_REGION'] ?? '',
      secrets_url: env['AWS_ENDPOINT_URL_SECRETS_MANAGER'],
      credentials: {
        access_key_id: env['AWS_ACCESS_KEY_ID'] ?? '',
        secret_access_key: env['AWS_SECRET_ACCESS_KEY'] ?? '',
        session_token: env['AWS_SESSION_TOKEN'],
      },
    }),
  }
}

/** What the function that runners call needs. Without a role for it, it gives out no model credentials. */
export const runnerDeps = (log: Log): FlowDeps => {
  const { [env_names.model_role]: role_arn = '' } = env
  return {
    ...flowDeps(log),
    ...(role_arn === '' ? {} : { model_credentials: stsModelCredentials({ client: new STSClient(sts_client_settings), role_arn }) }),
  }
}

/** What the functions that look at whatever is due need: compute, and the alarm clock of schedules. */
export const lookDeps = (log: Log): LookDeps => ({
  ...computeDeps(log),
  alarm_clock: eventBridgeAlarmClock({ client: new SchedulerClient({}), settings: readAlarmClock(env) }),
})

/** What the functions that start and stop sandboxes need. */
export const computeDeps = (log: Log): ComputeDeps => ({
  ...flowDeps(log),
  compute: ecsCompute({ client: new ECSClient(sdk_settings), settings: readCompute(env) }),
})
