/**
 * The alarm clock of schedules: one group of EventBridge Scheduler that holds every schedule's entries, the role that they ring the
 * function with, and the queue for what could not be delivered. The entries come and go by shared/ports/aws/alarm-clock.ts.
 */
import { Aws, Fn, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { ScheduleGroup } from 'aws-cdk-lib/aws-scheduler'
import { Construct } from 'constructs'
import type { Alarms } from './alarms.ts'
import type { PlaneFunction } from './function.ts'
import { grant } from './grants.ts'
import { DeadLetters } from './queues.ts'
import type { AlarmClockSettings } from '../shared/settings.ts'

export interface AlarmClockProps {
  readonly alarms: Alarms
  readonly cron_fire: PlaneFunction
}

export class AlarmClock extends Construct {
  /** JSON of `AlarmClockSettings`. */
  readonly settings_json: string
  private readonly group: ScheduleGroup
  private readonly role: Role

  constructor(scope: Construct, id: string, { alarms, cron_fire }: AlarmClockProps) {
    super(scope, id)
    // Its entries go with it: the table has all that they say.
    this.group = new ScheduleGroup(this, 'Group', { removalPolicy: RemovalPolicy.DESTROY })
    const dead_letters = new DeadLetters(this, 'DeadLetters', {
      alarms,
      fifo: false,
      means: 'EventBridge Scheduler could not ring for a tick of a schedule.',
      runbook: 'schedule-dead-letters',
    })
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } } }),
      description: 'Rings for the ticks of schedules, nothing else',
    })
    grant(this.role, { actions: ['lambda:InvokeFunction'], resources: [cron_fire.handler.functionArn] })
    grant(this.role, { actions: ['sqs:SendMessage'], resources: [dead_letters.queue.queueArn] })
    const settings: AlarmClockSettings = { group: '${Group}', target: '${Target}', role: '${Role}', dead_letters: '${DeadLetters}' }
    this.settings_json = Fn.sub(JSON.stringify(settings), {
      Group: this.group.scheduleGroupName,
      Target: cron_fire.handler.functionArn,
      Role: this.role.roleArn,
      DeadLetters: dead_letters.queue.queueArn,
    })
  }

  /** Sets entries, changes them and takes them out, and lets them have this one role. */
  grantSet(role: Role): void {
    grant(role, {
      actions: ['scheduler:CreateSchedule', 'scheduler:UpdateSchedule', 'scheduler:DeleteSchedule'],
      resources: [Stack.of(this).formatArn({ service: 'scheduler', resource: 'schedule', resourceName: `${this.group.scheduleGroupName}/*` })],
      wildcard: 'Entries of this one group, which come and go with schedules; the function names the one it means.',
    })
    grant(role, {
      actions: ['iam:PassRole'],
      resources: [this.role.roleArn],
      conditions: { StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' } },
    })
  }
}
