/**
 * The ten functions and what each may do: the calls below are the whole list (docs/security.md has it as a table). A function
 * knows the queues it may ring and no other, and knows of compute only where it may use it.
 */
import { Duration, Fn } from 'aws-cdk-lib'
import { ComparisonOperator, Metric } from 'aws-cdk-lib/aws-cloudwatch'
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources'
import { Construct } from 'constructs'
import { AlarmClock } from './alarm-clock.ts'
import type { Alarms } from './alarms.ts'
import type { Files } from './files.ts'
import { PlaneFunction } from './function.ts'
import { grant } from './grants.ts'
import { ModelAccess } from './model-access.ts'
import type { Parameters } from './parameters.ts'
import type { SignalQueues } from './queues.ts'
import type { Sandbox } from './sandbox.ts'
import { StreamUrl } from './stream-url.ts'
import type { Table } from './table.ts'
import { Doorbell } from './doorbell.ts'
import { metric_names, metrics_namespace, plane_service } from '../shared/ops/metrics.ts'
import { env_names, type TextModelSettings } from '../shared/settings.ts'
import type { IndexName } from '../shared/store/keys.ts'

/** An HTTP caller waits; API Gateway itself gives up after 30 s. */
const http_timeout = Duration.seconds(10)
/** Of the function that asks a model. */
const model_timeout = Duration.seconds(28)
/** Of the functions that read queues. */
export const reader_timeout = Duration.seconds(30)
/** Ends before the next minute's sweep begins. */
const sweep_timeout = Duration.seconds(55)
/** A stream is paid by the second, whether its reader is still there or not: so it ends, and who still reads comes back. */
const stream_timeout = Duration.seconds(120)
/** MiB; Lambda gives CPU by memory, and half a core starts a function fast enough. */
const memory = 1024
/** Of the function that mostly waits. */
const stream_memory = 512

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
type QueueName = keyof SignalQueues

export class Functions extends Construct {
  readonly api: PlaneFunction
  readonly stream: PlaneFunction
  /** Ends in a slash. */
  readonly stream_url: string
  readonly runner_api: PlaneFunction
  readonly doorbell: PlaneFunction
  readonly dispatch: PlaneFunction
  readonly attempt_events: PlaneFunction
  readonly schedule_draft: PlaneFunction
  readonly cron_fire: PlaneFunction
  readonly wake: PlaneFunction
  readonly sweep: PlaneFunction
  private readonly alarm_clock: AlarmClock
  private readonly doorbells: Doorbell
  private readonly props: FunctionsProps

  constructor(scope: Construct, id: string, props: FunctionsProps) {
    super(scope, id)
    this.props = props
    this.doorbell = this.makeDoorbell()
    this.doorbells = new Doorbell(this, 'Doorbell', { connect: this.doorbell })
    this.stream = this.makeStream()
    const { alarms, api_url, parameters } = props
    this.stream_url = new StreamUrl(this, 'StreamUrl', { alarms, stream: this.stream, api_url, max_streams: parameters.max_streams }).url
    this.api = this.makeApi()
    this.runner_api = this.makeRunnerApi()
    this.dispatch = this.makeDispatch()
    this.attempt_events = this.makeAttemptEvents()
    this.schedule_draft = this.makeScheduleDraft()
    this.cron_fire = this.makeCronFire()
    this.alarm_clock = new AlarmClock(this, 'AlarmClock', { alarms: props.alarms, cron_fire: this.cron_fire })
    this.wake = this.makeWake()
    this.sweep = this.makeSweep()
    this.watchHealth()
  }

  /** Whichever function notices it counts under one name. */
  private watchHealth(): void {
    const { alarms } = this.props
    alarms.add(this, 'ClassDegraded', {
      metric: new Metric({
        namespace: metrics_namespace,
        metricName: metric_names.class_degraded,
        dimensionsMap: { service: plane_service },
        period: Duration.minutes(5),
        statistic: 'Sum',
      }),
      threshold: 0,
      comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
      periods: 1,
      means: 'An execution class failed so often that it starts nothing more but a probe.',
      silence: 'no class became degraded.',
      runbook: 'class-degraded',
    })
  }

  private makeApi(): PlaneFunction {
    const made = this.make('api', 'The public API: keys, agents, tasks, runs, logs', http_timeout, ['dispatch', 'wake'])
    this.props.table.grantRecords(made.role, { deletes: true, asks: ['by_state', 'by_agent', 'by_session', 'by_label'] })
    // A command that is too large for the table.
    this.props.files.grantObjects(made.role, 'commands', ['s3:PutObject'])
    made.handler.addEnvironment(env_names.stream_url, this.stream_url)
    this.grantRing(made)
    return made
  }

  private makeStream(): PlaneFunction {
    const made = this.make('stream', 'Streams the events of a task', stream_timeout, [], {}, stream_memory)
    this.props.table.grantRead(made.role)
    return made
  }

  private makeDoorbell(): PlaneFunction {
    const made = this.make('doorbell', 'Runners ask here to be rung', http_timeout, [])
    this.props.table.grantPut(made.role)
    return made
  }

  private makeRunnerApi(): PlaneFunction {
    const made = this.make('runner-api', 'What runners call: claim, heartbeat, logs, inputs, turns, uploads, finish', http_timeout, [
      'dispatch',
      'attempt_events',
      'wake',
    ])
    this.props.table.grantRecords(made.role, { deletes: false, asks: [] })
    // The URLs that it signs can do what it can do, and no more.
    this.props.files.grantObjects(made.role, 'sessions', ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'])
    this.props.files.grantObjects(made.role, 'commands', ['s3:GetObject'])
    const access = new ModelAccess(this, 'ModelAccess', { on_bedrock: this.props.parameters.on_bedrock, vendor: made.role })
    made.handler.addEnvironment(env_names.model_role, access.role_arn)
    return made
  }

  private makeDispatch(): PlaneFunction {
    const description = 'Admits work of a class or session while there is room, and launches it'
    const made = this.make('dispatch', description, reader_timeout, ['dispatch', 'wake'], this.compute())
    this.props.table.grantRecords(made.role, { deletes: true, asks: [] })
    this.props.sandbox.grantLaunch(made.role)
    this.read(made, 'dispatch', 20)
    return made
  }

  private makeAttemptEvents(): PlaneFunction {
    const made = this.make('attempt-events', 'Applies what runners and compute say happened to attempts', reader_timeout, ['dispatch', 'wake'])
    this.props.table.grantRecords(made.role, { deletes: false, asks: [] })
    // What an ending's checkpoint replaces is removed.
    this.props.files.grantObjects(made.role, 'sessions', ['s3:DeleteObject'])
    this.read(made, 'attempt_events', 50)
    return made
  }

  /** Alone, since it may read the model's key: the function that anybody on the internet reaches may not. */
  private makeScheduleDraft(): PlaneFunction {
    const { parameters, sandbox, table } = this.props
    const settings: TextModelSettings = { provider: '${Provider}', base_url: '${BaseUrl}', model: '${Model}', secret_arn: '${Secret}' }
    const text_model = Fn.sub(JSON.stringify(settings), {
      Provider: parameters.model_provider,
      BaseUrl: parameters.anthropic_base_url,
      Model: parameters.default_model,
      Secret: sandbox.model_key.secretArn,
    })
    const made = this.make('schedule-draft', 'Turns plain words into a cron, by asking the model', model_timeout, [], { text_model })
    table.grantGet(made.role)
    grant(made.role, { actions: ['secretsmanager:GetSecretValue'], resources: [sandbox.model_key.secretArn] })
    return made
  }

  private makeCronFire(): PlaneFunction {
    const made = this.make('cron-fire', 'Ends the ticks of a schedule that are due', reader_timeout, ['dispatch', 'wake'])
    this.grantSubmit(made)
    // The sweep fires what is still due after half a minute: an old alarm has nothing to say.
    made.handler.configureAsyncInvoke({ retryAttempts: 2, maxEventAge: Duration.minutes(5) })
    return made
  }

  private makeWake(): PlaneFunction {
    const description = 'Looks again at a task whose time has come, or at a schedule that has changed'
    const made = this.make('wake', description, reader_timeout, ['dispatch', 'wake'], this.looks())
    this.grantSubmit(made)
    this.grantCompute(made)
    this.alarm_clock.grantSet(made.role)
    this.grantRing(made)
    this.read(made, 'wake', 20)
    return made
  }

  private makeSweep(): PlaneFunction {
    const made = this.make('sweep', 'Every minute: whatever is due', sweep_timeout, ['dispatch', 'wake'], this.looks())
    this.grantSubmit(made, ['due', 'by_state'])
    // What forks have shared, and nobody names any more.
    this.props.files.grantObjects(made.role, 'sessions', ['s3:DeleteObject'])
    this.grantCompute(made)
    this.alarm_clock.grantSet(made.role)
    this.grantRing(made)
    // The next minute brings the next sweep: a failed one is not tried again.
    made.handler.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) })
    return made
  }

  /** Launches what was not launched, and stops what must end. */
  private grantCompute(made: PlaneFunction): void {
    this.props.sandbox.grantLaunch(made.role)
    this.props.sandbox.grantStop(made.role)
  }

  /** Of who gives a runner something to look at. */
  private grantRing(made: PlaneFunction): void {
    this.doorbells.grantRing(made.role)
    made.handler.addEnvironment(env_names.doorbell, this.doorbells.callback_url)
  }

  /** Of who fires schedules: records, and commands that are too large for the table. */
  private grantSubmit(made: PlaneFunction, asks: readonly IndexName[] = []): void {
    this.props.table.grantRecords(made.role, { deletes: true, asks })
    this.props.files.grantObjects(made.role, 'commands', ['s3:PutObject'])
  }

  /** Of who looks at whatever is due. */
  private looks(): Environment {
    return { ...this.compute(), alarm_clock: this.alarm_clock.settings_json }
  }

  private compute(): Environment {
    const { sandbox, api_url, parameters } = this.props
    return { compute: sandbox.computeJson(api_url, Fn.conditionIf(parameters.doorbells.logicalId, this.doorbells.url, '').toString()) }
  }

  private make(name: string, description: string, timeout: Duration, rings: readonly QueueName[], more: Environment = {}, mib = memory): PlaneFunction {
    const { root, entries, alarms, table, files, parameters, queues } = this.props
    const environment: Environment = {
      table: table.table.tableName,
      bucket: files.bucket.bucketName,
      deployment: parameters.deployment_json,
      ...more,
    }
    for (const queue of rings) environment[`${queue}_queue` as const] = queues[queue].queue.queueUrl
    const made = new PlaneFunction(this, name, { name, description, timeout, memory: mib, environment, root, entries, alarms })
    for (const queue of rings) queues[queue].grantSend(made.role)
    return made
  }

  /**
   * Limits how many batches are in work at once: on the queue and not by reserved concurrency, which a new account (10 in all)
   * cannot give and which would turn excess into throttled receives that count as failures.
   */
  private read(made: PlaneFunction, queue: QueueName, at_once: number): void {
    const source = new SqsEventSource(this.props.queues[queue].queue, { batchSize: 10, reportBatchItemFailures: true, maxConcurrency: at_once })
    made.handler.addEventSource(source)
  }
}
