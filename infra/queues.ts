/**
 * The queues. A message is a doorbell: it says what to look at, never what to do, so losing one costs time and the sweep
 * finds what is due. A message that fails again and again goes to a dead-letter queue of the same type, which rings.
 */
import { Duration, Validations } from 'aws-cdk-lib'
import { ComparisonOperator } from 'aws-cdk-lib/aws-cloudwatch'
import type { Role } from 'aws-cdk-lib/aws-iam'
import { DeduplicationScope, FifoThroughputLimit, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import type { Alarms } from './alarms.ts'
import { grant } from './grants.ts'

const retention = Duration.days(14)

export interface DeadLettersProps {
  readonly alarms: Alarms
  readonly fifo: boolean
  /** What is lost until somebody looks. */
  readonly means: string
  readonly runbook: string
}

/** A queue of what could not be delivered or handled, with the alarm that says so. */
export class DeadLetters extends Construct {
  readonly queue: Queue

  constructor(scope: Construct, id: string, props: DeadLettersProps) {
    super(scope, id)
    this.queue = new Queue(this, 'Queue', {
      ...(props.fifo ? { fifo: true } : {}),
      retentionPeriod: retention,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    })
    Validations.of(this.queue).acknowledge({ id: 'AwsSolutions-SQS3', reason: 'This is a dead-letter queue; some belong to a rule or a schedule.' })
    props.alarms.add(this, 'Depth', {
      metric: this.queue.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(5), statistic: 'Maximum' }),
      threshold: 0,
      comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
      periods: 1,
      means: props.means,
      // SQS stops sending metrics of a queue that nothing touched for six hours: no data is an empty queue.
      silence: 'nothing was given up on; no data means that nothing ever was.',
      runbook: props.runbook,
    })
  }
}

export interface SignalQueueProps {
  readonly alarms: Alarms
  /** Order within a group, or none. */
  readonly fifo: boolean
  /**
   * Two equal bodies within five minutes count as one. Only for senders that cannot name a deduplication id (EventBridge): a
   * doorbell of equal words that rings again must be heard again.
   */
  readonly content_based_deduplication: boolean
  /** Of the function that reads it. A message stays hidden for six times as long, as Lambda advises. */
  readonly reader_timeout: Duration
  /** A message older than this says that its reader does not keep up. */
  readonly old_after: Duration
  readonly dead_letters: { readonly means: string; readonly runbook: string }
  readonly old_messages: { readonly means: string; readonly silence: string; readonly runbook: string }
}

/** A queue of signals with its dead letters and both alarms. */
export class SignalQueue extends Construct {
  readonly queue: Queue

  constructor(scope: Construct, id: string, props: SignalQueueProps) {
    super(scope, id)
    const dead_letters = new DeadLetters(this, 'DeadLetters', { alarms: props.alarms, fifo: props.fifo, ...props.dead_letters })
    const fifo = {
      fifo: true,
      contentBasedDeduplication: props.content_based_deduplication,
      deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
      fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
    }
    this.queue = new Queue(this, 'Queue', {
      ...(props.fifo ? fifo : {}),
      visibilityTimeout: Duration.seconds(props.reader_timeout.toSeconds() * 6),
      retentionPeriod: retention,
      receiveMessageWaitTime: Duration.seconds(20),
      deadLetterQueue: { queue: dead_letters.queue, maxReceiveCount: 5 },
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    })
    props.alarms.add(this, 'OldestMessage', {
      metric: this.queue.metricApproximateAgeOfOldestMessage({ period: Duration.minutes(1), statistic: 'Maximum' }),
      threshold: props.old_after.toSeconds(),
      comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
      periods: 5,
      ...props.old_messages,
    })
  }

  grantSend(role: Role): void {
    grant(role, { actions: ['sqs:SendMessage'], resources: [this.queue.queueArn] })
  }
}

export interface SignalQueues {
  readonly dispatch: SignalQueue
  readonly attempt_events: SignalQueue
  readonly wake: SignalQueue
}

/** The three queues; `reader_timeout` is that of the functions that read them. */
export class Queues extends Construct implements SignalQueues {
  readonly dispatch: SignalQueue
  readonly attempt_events: SignalQueue
  readonly wake: SignalQueue

  constructor(scope: Construct, id: string, props: { readonly alarms: Alarms; readonly reader_timeout: Duration }) {
    super(scope, id)
    const common = { ...props, old_after: Duration.minutes(5) }
    // A message may be hidden for 15 minutes on purpose, and its age counts from when it was sent.
    const wake_old_after = Duration.minutes(20)
    this.dispatch = new SignalQueue(this, 'Dispatch', {
      ...common,
      fifo: true,
      content_based_deduplication: false,
      dead_letters: { means: 'Looking at an execution class or session failed five times.', runbook: 'dispatch-dead-letters' },
      old_messages: {
        means: 'Dispatch does not keep up: work stands in line although there may be room.',
        silence: 'dispatch is prompt, or nobody signals; the sweep alarm covers the second.',
        runbook: 'dispatch-oldest-message',
      },
    })
    this.attempt_events = new SignalQueue(this, 'AttemptEvents', {
      ...common,
      fifo: true,
      content_based_deduplication: true,
      dead_letters: { means: 'An event of an attempt could not be applied five times.', runbook: 'attempt-events-dead-letters' },
      old_messages: {
        means: 'Ends of attempts are applied late: places and sessions stay taken.',
        silence: 'events are applied promptly, or no attempt runs.',
        runbook: 'attempt-events-oldest-message',
      },
    })
    this.wake = new SignalQueue(this, 'Wake', {
      ...common,
      old_after: wake_old_after,
      fifo: false,
      content_based_deduplication: false,
      dead_letters: { means: 'Looking at a task that was due failed five times.', runbook: 'wake-dead-letters' },
      old_messages: {
        means: 'Due tasks are looked at late: retries, timeouts and cancels lag.',
        silence: 'due tasks are looked at in time, or none was due.',
        runbook: 'wake-oldest-message',
      },
    })
  }
}
