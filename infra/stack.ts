/** Everything Lanekeeper needs in one account and region. Read top to bottom: what is stored, what signals, what runs, who calls. */
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import { Alarms } from './alarms.ts'
import { Files } from './files.ts'
import { Functions, reader_timeout } from './functions.ts'
import { Http } from './http.ts'
import { Parameters } from './parameters.ts'
import { Queues } from './queues.ts'
import { Sandbox } from './sandbox.ts'
import { SweepSchedule } from './sweep-schedule.ts'
import { Table } from './table.ts'
import { TaskEvents } from './task-events.ts'

export interface LanekeeperProps extends StackProps {
  /** Folder of package.json: what is bundled and built lies below it. */
  readonly root: string
  /** Folder of the functions below `root`. */
  readonly entries: string
}

export class LanekeeperStack extends Stack {
  constructor(scope: Construct, id: string, props: LanekeeperProps) {
    super(scope, id, { description: 'Lanekeeper: AI agents as durable background work', ...props })
    const { root, entries } = props
    const parameters = new Parameters(this, 'Parameters')
    const alarms = new Alarms(this, 'Alarms')
    const table = new Table(this, 'Records')
    const files = new Files(this, 'Files')
    const queues = new Queues(this, 'Queues', { alarms, reader_timeout })
    const sandbox = new Sandbox(this, 'Sandbox', { parameters, root })
    const http = new Http(this, 'Http', { alarms })
    const api_url = http.api.apiEndpoint
    const functions = new Functions(this, 'Functions', { root, entries, alarms, parameters, table, files, queues, sandbox, api_url })
    http.route(functions)
    new TaskEvents(this, 'TaskEvents', { alarms, sandbox, attempt_events: queues.attempt_events })
    new SweepSchedule(this, 'Sweep', { alarms, sweep: functions.sweep })

    new CfnOutput(this, 'ApiUrl', { value: api_url, description: 'Address of the API' })
    new CfnOutput(this, 'StreamUrl', { value: functions.stream_url, description: 'Where events of tasks are streamed' })
    new CfnOutput(this, 'TableName', { value: table.table.tableName, description: 'Where records are' })
    new CfnOutput(this, 'BucketName', { value: files.bucket.bucketName, description: 'Where session files are' })
    new CfnOutput(this, 'ModelKeySecret', { value: sandbox.model_key.secretArn, description: 'Put the API key of the model here' })
    new CfnOutput(this, 'AlarmTopic', { value: alarms.topic.topicArn, description: 'Subscribe to be told of alarms' })
  }
}
