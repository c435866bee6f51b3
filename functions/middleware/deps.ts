/** The dependencies of the functions, bound to AWS once per process, from the environment. */
import { ApiGatewayManagementApiClient } from '@aws-sdk/client-apigatewaymanagementapi'
import { SchedulerClient } from '@aws-sdk/client-scheduler'
import { S3Client } from '@aws-sdk/client-s3'
import { STSClient } from '@aws-sdk/client-sts'
import { eventBridgeAlarmClock } from '../../shared/ports/aws/alarm-clock.ts'
import { computeClient, queueClient, tableClient } from '../../shared/ports/aws/clients.ts'
import { ecsCompute } from '../../shared/ports/aws/compute.ts'
import { doorbells_client_settings, gatewayDoorbells } from '../../shared/ports/aws/doorbells.ts'
import { s3_client_settings, s3Files } from '../../shared/ports/aws/files.ts'
import { sts_client_settings, stsModelCredentials } from '../../shared/ports/aws/model-credentials.ts'
import { sqsSignals } from '../../shared/ports/aws/signals.ts'
import { messagesModel } from '../../shared/ports/aws/text-model.ts'
import type { Doorbells } from '../../shared/ports/ports.ts'
import { ringing } from '../../shared/ports/ringing.ts'
import { system_clock } from '../../shared/ports/clock.ts'
import { system_ids } from '../../shared/ports/ids.ts'
import { dynamoStore } from '../../shared/store/dynamo.ts'
import { env_names, readAlarmClock, readCompute, readDeployment, readEnv, readTextModel } from '../../shared/settings.ts'
import { createCommandMemory } from '../../shared/flows/command-memory.ts'
import { createRunMemory } from '../../shared/flows/run-memory.ts'
import { plane_service } from '../../shared/ops/metrics.ts'
import { healthTeller } from './health.ts'
import { powertoolsMetrics } from './metrics.ts'
import type { ComputeDeps, FlowDeps, LookDeps } from '../../shared/flows/flow.ts'
import type { Log } from '../../shared/ops/log.ts'
import { capacityMeter } from './capacity.ts'

const { env } = process
const onCapacity = capacityMeter(env, (line) => void process.stdout.write(line))

/** Only some functions ring runners: their environment says where. */
const doorbellsOf = (log: Log): Doorbells | undefined => {
  const { [env_names.doorbell]: endpoint = '' } = env
  if (endpoint === '') return undefined
  const client = new ApiGatewayManagementApiClient({ endpoint, ...doorbells_client_settings })
  return gatewayDoorbells({ client, onFailed: (cause) => log.warn('doorbell_failed', {}, cause) })
}

/** What every function needs. */
export const flowDeps = (log: Log): FlowDeps => ({
  store: dynamoStore({
    client: tableClient(),
    table: readEnv(env, 'table'),
    ...(onCapacity === undefined ? {} : { onCapacity }),
  }),
  signals: ringing(
    sqsSignals({
      client: queueClient(),
      ids: system_ids,
      queues: { dispatch: env.LANEKEEPER_DISPATCH_QUEUE_URL, attempt_events: env.LANEKEEPER_ATTEMPT_EVENTS_QUEUE_URL, wake: env.LANEKEEPER_WAKE_QUEUE_URL },
    }),
    doorbellsOf(log),
  ),
  clock: system_clock,
  ids: system_ids,
  files: s3Files({ client: new S3Client(s3_client_settings), bucket: readEnv(env, 'bucket') }),
  deployment: readDeployment(env),
  commands: createCommandMemory(),
  runs: createRunMemory(),
  report: (what, cause) => log.warn(what, {}, cause),
  onHealth: healthTeller(log, powertoolsMetrics(plane_service)),
})

/** What the function that drafts schedules needs: it reads API keys, and asks the model. */
export const draftDeps = () => {
  const { provider, base_url, model, secret_arn } = readTextModel(env)
  return {
    store: dynamoStore({ client: tableClient(), table: readEnv(env, 'table') }),
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

/** What functions need that look at the table and signal nobody. */
export const tableDeps = () => ({
  store: dynamoStore({
    client: tableClient(),
    table: readEnv(env, 'table'),
    ...(onCapacity === undefined ? {} : { onCapacity }),
  }),
})

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
  compute: ecsCompute({ client: computeClient(), settings: readCompute(env) }),
})
