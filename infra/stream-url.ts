/**
 * Where events are streamed from: a function URL, because an HTTP API answers in one piece. AWS checks no caller there; the function
 * checks the API key as the API does (docs/security.md#streams).
 */
import { Aws, CfnCondition, Duration, Fn, Token } from 'aws-cdk-lib'
import { ComparisonOperator } from 'aws-cdk-lib/aws-cloudwatch'
import { CfnFunction, FunctionUrlAuthType, HttpMethod, InvokeMode } from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import type { Alarms } from './alarms.ts'
import type { PlaneFunction } from './function.ts'
import { workspace_header } from '../shared/contract/workspaces.ts'

export interface StreamUrlProps {
  readonly alarms: Alarms
  readonly stream: PlaneFunction
  /** The one origin whose pages may read streams. */
  readonly api_url: string
  /** Streams that may be open at once, as text; `0`: as many as the account's concurrency allows. */
  readonly max_streams: string
}

export class StreamUrl extends Construct {
  /** Ends in a slash. */
  readonly url: string

  constructor(scope: Construct, id: string, { alarms, stream, api_url, max_streams }: StreamUrlProps) {
    super(scope, id)
    const { url } = stream.handler.addFunctionUrl({
      authType: FunctionUrlAuthType.NONE,
      invokeMode: InvokeMode.RESPONSE_STREAM,
      cors: {
        allowedOrigins: [api_url],
        allowedMethods: [HttpMethod.GET],
        allowedHeaders: ['authorization', 'last-event-id', workspace_header],
        exposedHeaders: ['x-request-id'],
        maxAge: Duration.hours(1),
      },
    })
    this.url = url
    this.limit(stream, max_streams)
    alarms.add(this, 'Throttles', {
      metric: stream.handler.metricThrottles({ period: Duration.minutes(5), statistic: 'Sum' }),
      threshold: 0,
      comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
      periods: 1,
      means: 'Streams were refused, because as many are open as may be. Clients poll instead.',
      silence: 'whoever wanted a stream got one, or nobody did.',
      runbook: 'streams-refused',
    })
  }

  /** Reserving nothing by default: a new account has ten executions at once in all, and none of them to reserve. */
  private limit(stream: PlaneFunction, max_streams: string): void {
    const unlimited = new CfnCondition(this, 'Unlimited', { expression: Fn.conditionEquals(max_streams, '0') })
    const resource = stream.handler.node.defaultChild
    if (!(resource instanceof CfnFunction)) throw new Error('a function without its resource')
    resource.reservedConcurrentExecutions = Token.asNumber(Fn.conditionIf(unlimited.logicalId, Aws.NO_VALUE, max_streams))
  }
}
