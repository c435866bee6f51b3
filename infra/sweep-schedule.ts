/** The clock: the sweep, every minute. Everything that is not finished has a due time, and this is who looks at it. */
import { Duration } from 'aws-cdk-lib'
import { ComparisonOperator } from 'aws-cdk-lib/aws-cloudwatch'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Schedule, ScheduleExpression, ScheduleTargetInput, type ScheduleTargetConfig } from 'aws-cdk-lib/aws-scheduler'
import { Construct } from 'constructs'
import type { Alarms } from './alarms.ts'
import type { PlaneFunction } from './function.ts'
import { grant } from './grants.ts'
import { DeadLetters } from './queues.ts'

export class SweepSchedule extends Construct {
  constructor(scope: Construct, id: string, props: { readonly alarms: Alarms; readonly sweep: PlaneFunction }) {
    super(scope, id)
    const { alarms, sweep } = props
    const dead_letters = new DeadLetters(this, 'DeadLetters', {
      alarms,
      fifo: false,
      means: 'EventBridge Scheduler could not start the sweep.',
      runbook: 'sweep-dead-letters',
    })
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('scheduler.amazonaws.com'), description: 'Starts the sweep, nothing else' })
    grant(role, { actions: ['lambda:InvokeFunction'], resources: [sweep.handler.functionArn] })
    grant(role, { actions: ['sqs:SendMessage'], resources: [dead_letters.queue.queueArn] })
    // CDK's own target would also allow every version and alias of the function.
    const target: ScheduleTargetConfig = {
      arn: sweep.handler.functionArn,
      role,
      input: ScheduleTargetInput.fromObject({}),
      deadLetterConfig: { arn: dead_letters.queue.queueArn },
      // The next minute brings the next sweep.
      retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: 60 },
    }
    new Schedule(this, 'EveryMinute', {
      description: 'Looks at whatever is due',
      schedule: ScheduleExpression.rate(Duration.minutes(1)),
      target: { bind: () => target },
    })
    alarms.add(this, 'NotRunning', {
      metric: sweep.handler.metricInvocations({ period: Duration.minutes(1), statistic: 'Sum' }),
      threshold: 1,
      comparison: ComparisonOperator.LESS_THAN_THRESHOLD,
      periods: 5,
      missing_is_bad: true,
      means: 'The sweep has not run for five minutes: what is due is not looked at, lost signals stay lost.',
      silence: 'the sweep is started every minute; whether it succeeds is said by its error alarm.',
      runbook: 'sweep-not-running',
    })
  }
}
