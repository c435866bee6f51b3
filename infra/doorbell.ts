/**
 * Where runners hang out their doorbells: a WebSocket API with `$connect` and nothing else, and the right to ring. Who calls is checked by
 * the function, by the attempt token. Without it everything works, up to a heartbeat later: so nothing here rings an alarm but errors.
 */
import { Aws, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib'
import { LogGroupLogDestination, WebSocketApi, WebSocketStage } from 'aws-cdk-lib/aws-apigatewayv2'
import { WebSocketLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations'
import { AccessLogField, AccessLogFormat } from 'aws-cdk-lib/aws-apigateway'
import type { Role } from 'aws-cdk-lib/aws-iam'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { PlaneFunction } from './function.ts'
import { grant } from './grants.ts'

const stage_name = 'doorbell'

/** No header is logged: tokens travel in one. */
const access_log = {
  request_id: AccessLogField.contextRequestId(),
  at: AccessLogField.contextRequestTime(),
  ip: AccessLogField.contextIdentitySourceIp(),
  route: '$context.routeKey',
  event: '$context.eventType',
  status: AccessLogField.contextStatus(),
  error: '$context.integrationErrorMessage',
}

export class Doorbell extends Construct {
  /** For runners: `wss://…`. */
  readonly url: string
  /** For who rings: `https://…`. */
  readonly callback_url: string
  private readonly api: WebSocketApi

  constructor(scope: Construct, id: string, { connect }: { readonly connect: PlaneFunction }) {
    super(scope, id)
    this.api = new WebSocketApi(this, 'Api', {
      apiName: 'lanekeeper-doorbell',
      description: 'Runners hear here that there is something to look at',
      connectRouteOptions: { integration: new WebSocketLambdaIntegration('Connect', connect.handler) },
    })
    const logs = new LogGroup(this, 'AccessLogs', { retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY })
    const stage = new WebSocketStage(this, 'Stage', {
      webSocketApi: this.api,
      stageName: stage_name,
      autoDeploy: true,
      throttle: { rateLimit: 500, burstLimit: 1_000 },
      accessLogSettings: { destination: new LogGroupLogDestination(logs), format: AccessLogFormat.custom(JSON.stringify(access_log)) },
    })
    this.url = stage.url
    this.callback_url = stage.callbackUrl
    Validations.of(this.api).acknowledge({
      id: 'AwsSolutions-APIG4',
      reason: 'The attempt token is checked by the function behind $connect, which must look it up in the table anyway; there is no other route.',
    })
  }

  /** Sends to connections; neither reads nor closes them. */
  grantRing(role: Role): void {
    const { partition } = Stack.of(this)
    grant(role, {
      actions: ['execute-api:ManageConnections'],
      resources: [`arn:${partition}:execute-api:${Aws.REGION}:${Aws.ACCOUNT_ID}:${this.api.apiId}/${stage_name}/POST/@connections/*`],
      wildcard: 'Connections come and go; the run says which one is its runner’s.',
    })
  }
}
