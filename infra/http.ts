/** The way in: one HTTP API. Runners have their own prefix and function, drafts of schedules their own function; everything else, known or not, is the API's to answer. */
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib'
import { HttpApi, HttpMethod, HttpRoute, HttpRouteKey, HttpStage, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2'
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations'
import { AccessLogField, AccessLogFormat } from 'aws-cdk-lib/aws-apigateway'
import { ComparisonOperator } from 'aws-cdk-lib/aws-cloudwatch'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { Alarms } from './alarms.ts'
import type { PlaneFunction } from './function.ts'

/** No header is logged: keys and tokens travel in one. */
const access_log = {
  request_id: AccessLogField.contextRequestId(),
  at: AccessLogField.contextRequestTime(),
  ip: AccessLogField.contextIdentitySourceIp(),
  method: AccessLogField.contextHttpMethod(),
  path: AccessLogField.contextPath(),
  route: '$context.routeKey',
  status: AccessLogField.contextStatus(),
  latency_ms: AccessLogField.contextResponseLatency(),
  bytes: AccessLogField.contextResponseLength(),
  error: '$context.integrationErrorMessage',
}

export class Http extends Construct {
  readonly api: HttpApi

  constructor(scope: Construct, id: string, props: { readonly alarms: Alarms }) {
    super(scope, id)
    this.api = new HttpApi(this, 'Api', { apiName: 'lanekeeper', description: 'Lanekeeper', createDefaultStage: false })
    const logs = new LogGroup(this, 'AccessLogs', { retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY })
    new HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: 500, burstLimit: 1_000 },
      accessLogSettings: { destination: new LogGroupLogDestination(logs), format: AccessLogFormat.custom(JSON.stringify(access_log)) },
    })
    props.alarms.add(this, 'ServerErrors', {
      metric: this.api.metricServerError({ period: Duration.minutes(5), statistic: 'Sum' }),
      threshold: 0,
      comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
      periods: 1,
      means: 'A request was answered with a 5xx.',
      silence: 'no request failed, or none came; a health check from outside tells which.',
      runbook: 'api-server-errors',
    })
  }

  /** The most specific route wins, so the runners' prefix goes first. */
  route(functions: { readonly api: PlaneFunction; readonly runner_api: PlaneFunction; readonly schedule_draft: PlaneFunction }): void {
    const add = (id: string, key: HttpRouteKey, target: PlaneFunction) => {
      const route = new HttpRoute(this, id, { httpApi: this.api, routeKey: key, integration: new HttpLambdaIntegration(`${id}Integration`, target.handler) })
      Validations.of(route).acknowledge({
        id: 'AwsSolutions-APIG4',
        reason: 'Keys and attempt tokens are checked by the function, which must look them up in the table anyway; health and the contract are public.',
      })
    }
    add('RunnerRoute', HttpRouteKey.with('/v1/runner/{proxy+}', HttpMethod.ANY), functions.runner_api)
    add('ScheduleDraftRoute', HttpRouteKey.with('/v1/schedules/draft', HttpMethod.POST), functions.schedule_draft)
    add('DefaultRoute', HttpRouteKey.DEFAULT, functions.api)
  }
}
