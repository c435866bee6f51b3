/** What an operator relies on: alarms that are explained, no cost while idle, and the rules of cdk-nag. */
import { Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import { Bucket } from 'aws-cdk-lib/aws-s3'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { makeStack, readText, resourcesOf, template, textOf } from './support.ts'

const AlarmProperties = z.looseObject({
  AlarmDescription: z.string(),
  AlarmActions: z.array(z.unknown()),
  Dimensions: z.array(z.object({ Name: z.string(), Value: z.unknown() })),
  MetricName: z.string(),
  TreatMissingData: z.enum(['breaching', 'notBreaching']),
})
const alarms = resourcesOf('AWS::CloudWatch::Alarm').map(([id, { Properties }]) => ({ id, ...AlarmProperties.parse(Properties) }))

/** Anchors of a page's headings, as GitHub makes them. */
const anchorsOf = (page: string) =>
  [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .trim()
      .replaceAll(' ', '-'),
  )
const runbook = readText('docs/runbook.md')
const namedBy = (text: string) => /Runbook: docs\/runbook\.md#([\w-]+)$/.exec(text)?.[1] ?? 'none'

test('every alarm calls somebody, says what its silence means, and ends with an entry of the runbook that exists', () => {
  expect(alarms).toHaveLength(23)
  const anchors = anchorsOf(runbook)
  for (const alarm of alarms) {
    expect(alarm.AlarmActions).toHaveLength(1)
    expect(alarm.AlarmDescription).toMatch(/ Silence: .+ Runbook: /)
    expect(alarm.AlarmDescription.length).toBeLessThanOrEqual(1_024)
    expect(anchors).toContain(namedBy(alarm.AlarmDescription))
  }
})

test('every entry about an alarm says what it means, where to look, what to do, and what its silence means', () => {
  const named = new Set(alarms.map((alarm) => namedBy(alarm.AlarmDescription)))
  const entries = runbook.split(/^## /m).filter((entry) => named.has(anchorsOf(`# ${entry.split('\n')[0] ?? ''}`)[0] ?? ''))
  expect(entries).toHaveLength(named.size)
  for (const entry of entries) for (const part of ['Means', 'Look', 'Do', 'Silence']) expect(entry).toContain(`- **${part}**: `)
})

test('every function has an alarm on its errors, and only the sweep rings by being silent', () => {
  const watched = alarms.filter((alarm) => alarm.MetricName === 'Errors').map((alarm) => textOf(alarm.Dimensions[0]?.Value).slice(1, -1))
  expect(watched.toSorted()).toEqual(
    resourcesOf('AWS::Lambda::Function')
      .map(([id]) => id)
      .toSorted(),
  )
  expect(alarms.filter((alarm) => alarm.TreatMissingData === 'breaching').map((alarm) => [alarm.MetricName, alarm.id.startsWith('Sweep')])).toEqual([
    ['Invocations', true],
  ])
})

/** Types that bill by the request, byte or second of use, or not at all. */
const idle_free = new Set([
  'AWS::ApiGatewayV2::Api',
  'AWS::ApiGatewayV2::Integration',
  'AWS::ApiGatewayV2::Route',
  'AWS::ApiGatewayV2::Stage',
  'AWS::DynamoDB::GlobalTable',
  'AWS::EC2::FlowLog',
  'AWS::EC2::InternetGateway',
  'AWS::EC2::Route',
  'AWS::EC2::RouteTable',
  'AWS::EC2::SecurityGroup',
  'AWS::EC2::Subnet',
  'AWS::EC2::SubnetRouteTableAssociation',
  'AWS::EC2::VPC',
  'AWS::EC2::VPCEndpoint',
  'AWS::EC2::VPCGatewayAttachment',
  'AWS::ECS::Cluster',
  'AWS::ECS::ClusterCapacityProviderAssociations',
  'AWS::ECS::TaskDefinition',
  'AWS::Events::Rule',
  'AWS::IAM::Policy',
  'AWS::IAM::Role',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Lambda::Function',
  'AWS::Lambda::Permission',
  'AWS::Lambda::Url',
  'AWS::Logs::LogGroup',
  'AWS::S3::Bucket',
  'AWS::S3::BucketPolicy',
  'AWS::SNS::Topic',
  'AWS::SNS::TopicPolicy',
  'AWS::SQS::Queue',
  'AWS::SQS::QueuePolicy',
  'AWS::Scheduler::Schedule',
  'AWS::Scheduler::ScheduleGroup',
])
/** Types that bill while nothing happens, in dollars a month each; docs/runbook.md#idle-cost tells the operator. */
const idle_usd = new Map([
  ['AWS::CloudWatch::Alarm', 0.1],
  ['AWS::SecretsManager::Secret', 0.4],
])

test('nothing bills while idle but the alarms and one secret, and that is at most $2.70 a month', () => {
  const types = Object.values(template.Resources).map((resource) => resource.Type)
  expect(types.filter((type) => !idle_free.has(type) && !idle_usd.has(type))).toEqual([])
  expect(types.reduce((sum, type) => sum + (idle_usd.get(type) ?? 0), 0)).toBeLessThanOrEqual(2.701)
})

test('nothing that is free when idle is told to cost: no endpoint by the hour, no provisioned capacity, no log for ever', () => {
  for (const [, { Properties }] of resourcesOf('AWS::EC2::VPCEndpoint')) expect(Properties['VpcEndpointType']).toBe('Gateway')
  for (const [, { Properties }] of resourcesOf('AWS::EC2::Subnet')) expect(Properties).not.toHaveProperty('NatGatewayId')
  for (const [, { Properties }] of resourcesOf('AWS::Logs::LogGroup')) expect(Properties['RetentionInDays']).toBe(30)
  for (const [, { Properties }] of resourcesOf('AWS::Lambda::Function'))
    expect(textOf(Properties['ReservedConcurrentExecutions'] ?? '<AWS::NoValue>')).toBe('<AWS::NoValue>')
  for (const [, { Properties }] of resourcesOf('AWS::Lambda::EventSourceMapping')) expect(Properties).not.toHaveProperty('ProvisionedPollerConfig')
  for (const [, { Properties }] of resourcesOf('AWS::ECS::Cluster'))
    expect(Properties['ClusterSettings']).toEqual([{ Name: 'containerInsights', Value: 'disabled' }])
  for (const resource of Object.values(template.Resources)) expect(JSON.stringify(resource.Properties)).not.toContain('"ProvisionedThroughput"')
})

test('cdk-nag has no finding that is not acknowledged with a reason, and would have one', () => {
  const { app, stack } = makeStack()
  const found = () => new AwsSolutionsChecks(app).validateScope(app).violations.map((violation) => violation.ruleName)
  expect(found()).toEqual([])
  new Bucket(stack, 'Careless')
  expect(found()).toContain('AwsSolutions-S1')
})

test('every acknowledgement has a reason that is a sentence', () => {
  const { stack } = makeStack()
  const reasons = stack.node
    .findAll()
    .flatMap((construct) => construct.node.metadata)
    .filter((entry) => entry.type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap((entry) => Object.entries(z.record(z.string(), z.string()).parse(entry.data)))
    .filter(([rule]) => rule.includes('AwsSolutions'))
    .map(([, reason]) => reason)
  expect(reasons.length).toBeGreaterThan(10)
  for (const reason of reasons) expect(reason).toMatch(/^.{30,}\.$/)
})
