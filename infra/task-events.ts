/** What ECS says about our tasks, put in line with what their runners say. */
import { Duration } from 'aws-cdk-lib'
import { Rule } from 'aws-cdk-lib/aws-events'
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets'
import { Construct } from 'constructs'
import type { Alarms } from './alarms.ts'
import { DeadLetters, type SignalQueue } from './queues.ts'
import type { Sandbox } from './sandbox.ts'
import { runner_container } from './task-definition.ts'

/** All events of ECS share a group: they are few, and what they say is checked against the table anyway. */
const message_group = 'ecs-task-state-change'

/**
 * A runner leaves with 0 only after the plane has taken its own word on how the attempt ended: that its sandbox stopped then is no news,
 * and would cost a message, an invocation and a read for nearly every task. Fields of one container are matched together.
 */
const not_said_by_the_runner = [
  { stopCode: [{ 'anything-but': ['EssentialContainerExited'] }] },
  { containers: { name: [runner_container], exitCode: [{ 'anything-but': [0] }] } },
]

export interface TaskEventsProps {
  readonly alarms: Alarms
  readonly sandbox: Sandbox
  readonly attempt_events: SignalQueue
}

export class TaskEvents extends Construct {
  constructor(scope: Construct, id: string, props: TaskEventsProps) {
    super(scope, id)
    // Events of a rule can only be left in a standard queue.
    const dead_letters = new DeadLetters(this, 'DeadLetters', {
      alarms: props.alarms,
      fifo: false,
      means: 'ECS said that a sandbox stopped and it could not be queued; the attempt ends only by its heartbeat timeout.',
      runbook: 'task-events-dead-letters',
    })
    new Rule(this, 'Stopped', {
      description: 'Sandbox tasks that stopped',
      eventPattern: {
        source: ['aws.ecs'],
        detailType: ['ECS Task State Change'],
        detail: {
          clusterArn: [props.sandbox.cluster.clusterArn],
          lastStatus: ['STOPPED'],
          group: props.sandbox.families.map((family) => `family:${family}`),
          $or: not_said_by_the_runner,
        },
      },
      targets: [
        new SqsQueue(props.attempt_events.queue, {
          messageGroupId: message_group,
          deadLetterQueue: dead_letters.queue,
          retryAttempts: 20,
          maxEventAge: Duration.hours(1),
        }),
      ],
    })
  }
}
