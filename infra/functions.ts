/**
 * The six functions and what each may do. A function gets the address of a thing exactly when it gets a right to it, so the
 * calls below are the whole list (docs/security.md has it as a table).
 */
import { Duration } from 'aws-cdk-lib'
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources'
import { Construct } from 'constructs'
import type { Alarms } from './alarms.ts'
import type { Files } from './files.ts'
import { PlaneFunction, type PlaneFunctionProps } from './function.ts'
import type { Parameters } from './parameters.ts'
import type { SignalQueue, SignalQueues } from './queues.ts'
import type { Sandbox } from './sandbox.ts'
import type { Table } from './table.ts'
import type { env_names } from '../shared/settings.ts'

/** An HTTP caller waits; API Gateway itself gives up after 30 s. */
const http_timeout = Duration.seconds(10)
/** Of the functions that read queues. */
export const reader_timeout = Duration.seconds(30)
/** Ends before the next minute's sweep begins. */
const sweep_timeout = Duration.seconds(55)

export interface FunctionsProps {
  readonly root: string
  readonly entries: string
  readonly alarms: Alarms
  readonly parameters: Parameters
  readonly table: Table
  readonly queues: SignalQueues
  readonly files: Files
  readonly sandbox: Sandbox
  /** Where runners call the plane. */
  readonly api_url: string
}

type Environment = Partial<Record<keyof typeof env_names, string>>

export class Functions extends Construct {
  readonly api: PlaneFunction
  readonly runner_api: PlaneFunction
  readonly dispatch: PlaneFunction
  readonly attempt_events: PlaneFunction
  readonly wake: PlaneFunction
  readonly sweep: PlaneFunction
  private readonly props: FunctionsProps

  constructor(scope: Construct, id: string, props: FunctionsProps) {
    super(scope, id)
    this.props = props
    this.api = this.makeApi()
    this.runner_api = this.makeRunnerApi()
    this.dispatch = this.makeReader('dispatch', 'Admits work of a class or session while there is room, and launches it')
    this.attempt_events = this.makeReader('attempt-events', 'Applies what runners and compute say happened to attempts')
    this.wake = this.makeReader('wake', 'Looks again at a task whose time has come')
    this.sweep = this.makeSweep()
    this.read(this.dispatch, props.queues.dispatch, 20)
    this.read(this.attempt_events, props.queues.attempt_events, 50)
    this.read(this.wake, props.queues.wake, 20)
  }

  private makeApi(): PlaneFunction {
    const made = this.make('api', 'The public API: keys, agents, tasks, runs, logs', http_timeout, this.signals())
    this.props.table.grantRecords(made.role, ['by_state', 'by_agent', 'by_session', 'by_label'])
    this.grantSignals(made)
    this.props.files.grantObjects(made.role, 'commands', ['s3:GetObject', 's3:PutObject'])
    return made
  }

  private makeRunnerApi(): PlaneFunction {
    const made = this.make('runner-api', 'What runners call: claim, heartbeat, logs, uploads, finish', http_timeout, this.signals())
    this.props.table.grantRecords(made.role, [])
    this.grantSignals(made)
    this.props.files.grantObjects(made.role, 'sessions', ['s3:GetObject', 's3:PutObject'])
    this.props.files.grantObjects(made.role, 'commands', ['s3:GetObject'])
    return made
  }

  /** dispatch, attempt-events and wake re-decide the same things, each from another doorbell. */
  private makeReader(name: 'dispatch' | 'attempt-events' | 'wake', description: string): PlaneFunction {
    const made = this.make(name, description, reader_timeout, this.decides())
    this.grantDecide(made)
    this.props.table.grantRecords(made.role, [])
    return made
  }

  private makeSweep(): PlaneFunction {
    const made = this.make('sweep', 'Every minute: whatever is due', sweep_timeout, this.decides())
    this.grantDecide(made)
    this.props.table.grantRecords(made.role, ['due'])
    // The next minute brings the next sweep: a failed one is not tried again.
    made.handler.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) })
    return made
  }

  /** Loads, decides, launches and stops attempts, and rings every doorbell. */
  private grantDecide(made: PlaneFunction): void {
    this.grantSignals(made)
    this.props.files.grantObjects(made.role, 'commands', ['s3:GetObject'])
    this.props.sandbox.grantLaunch(made.role)
    this.props.sandbox.grantStop(made.role)
  }

  private grantSignals(made: PlaneFunction): void {
    const { dispatch, attempt_events, wake } = this.props.queues
    for (const queue of [dispatch, attempt_events, wake]) queue.grantSend(made.role)
  }

  private signals(): Environment {
    const { table, queues, files, parameters } = this.props
    return {
      table: table.table.tableName,
      dispatch_queue: queues.dispatch.queue.queueUrl,
      attempt_events_queue: queues.attempt_events.queue.queueUrl,
      wake_queue: queues.wake.queue.queueUrl,
      bucket: files.bucket.bucketName,
      deployment: parameters.deployment_json,
    }
  }

  private decides(): Environment {
    return { ...this.signals(), compute: this.props.sandbox.computeJson(this.props.api_url) }
  }

  private make(name: string, description: string, timeout: Duration, environment: Environment): PlaneFunction {
    const { root, entries, alarms } = this.props
    const memory: PlaneFunctionProps['memory'] = 1024
    return new PlaneFunction(this, name, { name, description, timeout, memory, environment, root, entries, alarms })
  }

  /**
   * Limits how many batches are in work at once: on the queue and not by reserved concurrency, which a new account (10 in all)
   * cannot give and which would turn excess into throttled receives that count as failures.
   */
  private read(made: PlaneFunction, queue: SignalQueue, at_once: number): void {
    made.handler.addEventSource(new SqsEventSource(queue.queue, { batchSize: 10, reportBatchItemFailures: true, maxConcurrency: at_once }))
  }
}
