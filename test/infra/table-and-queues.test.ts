import { expect, test } from 'vitest'
import * as z from 'zod'
import { matchesPattern } from '../../local/events/pattern.ts'
import { Json } from '../../local/template/template.ts'
import { indexes } from '../../shared/store/keys.ts'
import { onlyResource, resourcesOf, targetOf, template, textOf } from './support.ts'

const KeySchema = z.array(z.object({ AttributeName: z.string(), KeyType: z.string() }))
const TableProperties = z.looseObject({
  KeySchema,
  BillingMode: z.string(),
  GlobalSecondaryIndexes: z.array(z.object({ IndexName: z.string(), KeySchema, Projection: z.unknown() })),
  Replicas: z.array(z.looseObject({ DeletionProtectionEnabled: z.boolean(), PointInTimeRecoverySpecification: z.unknown() })),
})

const table = onlyResource('AWS::DynamoDB::GlobalTable')
const properties = TableProperties.parse(table.Properties)
const namesOf = (schema: z.infer<typeof KeySchema>) => schema.map((key) => `${key.KeyType} ${key.AttributeName}`)

test('the table has the keys and exactly the indexes that the store asks', () => {
  expect(namesOf(properties.KeySchema)).toEqual(['HASH pk', 'RANGE sk'])
  expect(Object.fromEntries(properties.GlobalSecondaryIndexes.map((index) => [index.IndexName, namesOf(index.KeySchema)]))).toEqual(
    Object.fromEntries(Object.entries(indexes).map(([name, keys]) => [name, [`HASH ${keys.pk}`, `RANGE ${keys.sk}`]])),
  )
  for (const index of properties.GlobalSecondaryIndexes) expect(index.Projection).toEqual({ ProjectionType: 'KEYS_ONLY' })
})

test('the table costs by use, can be restored to any second, and outlives its stack', () => {
  expect(properties.BillingMode).toBe('PAY_PER_REQUEST')
  expect(table.DeletionPolicy).toBe('Retain')
  expect(properties.Replicas).toMatchObject([{ DeletionProtectionEnabled: true, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } }])
})

const QueueProperties = z.looseObject({
  FifoQueue: z.boolean().default(false),
  ContentBasedDeduplication: z.boolean().default(false),
  DeduplicationScope: z.string().optional(),
  FifoThroughputLimit: z.string().optional(),
  MessageRetentionPeriod: z.int(),
  VisibilityTimeout: z.int().default(30),
  SqsManagedSseEnabled: z.literal(true),
  RedrivePolicy: z.object({ deadLetterTargetArn: z.unknown(), maxReceiveCount: z.int() }).optional(),
})
const queues = new Map(resourcesOf('AWS::SQS::Queue').map(([id, { Properties }]) => [id, QueueProperties.parse(Properties)]))
const withRedrive = [...queues].flatMap(([id, queue]) => (queue.RedrivePolicy === undefined ? [] : [{ id, queue, redrive: queue.RedrivePolicy }]))

const Source = z.looseObject({
  EventSourceArn: z.unknown(),
  FunctionName: z.unknown(),
  FunctionResponseTypes: z.array(z.string()),
  BatchSize: z.int(),
  ScalingConfig: z.object({ MaximumConcurrency: z.int() }),
})
const sources = resourcesOf('AWS::Lambda::EventSourceMapping').map(([, { Properties }]) => Source.parse(Properties))

/** Queues that something leaves its undeliverable messages in: redrive, a rule's target, a schedule's target. */
const Dead = z.object({ DeadLetterConfig: z.object({ Arn: z.unknown() }) })
const deadLetterTargets = new Set([
  ...withRedrive.map(({ redrive }) => targetOf(redrive.deadLetterTargetArn)),
  ...resourcesOf('AWS::Events::Rule').flatMap(([, { Properties }]) =>
    z
      .array(Dead)
      .parse(Properties['Targets'])
      .map((target) => targetOf(target.DeadLetterConfig.Arn)),
  ),
  ...resourcesOf('AWS::Scheduler::Schedule').map(([, { Properties }]) => targetOf(Dead.parse(Properties['Target']).DeadLetterConfig.Arn)),
  // Of the alarm clock: its entries are made while the plane runs, and name it.
  ...resourcesOf('AWS::SQS::Queue').flatMap(([id]) => (id.startsWith('FunctionsAlarmClockDeadLetters') ? [id] : [])),
])

const alarmsOn = (queue: string, metric: string) =>
  resourcesOf('AWS::CloudWatch::Alarm').filter(([, { Properties }]) => {
    const { MetricName, Dimensions = [] } = z
      .looseObject({ MetricName: z.string(), Dimensions: z.array(z.object({ Value: z.unknown() })).optional() })
      .parse(Properties)
    return MetricName === metric && Dimensions.some((dimension) => textOf(dimension.Value) === `<${queue}.QueueName>`)
  })

test('there are three queues that are read, each with a dead-letter queue of its own type that keeps two weeks', () => {
  expect(withRedrive).toHaveLength(3)
  expect(queues.size).toBe(9)
  for (const { queue, redrive } of withRedrive) {
    const dead = queues.get(targetOf(redrive.deadLetterTargetArn))
    expect(dead?.FifoQueue).toBe(queue.FifoQueue)
    expect(redrive.maxReceiveCount).toBeGreaterThanOrEqual(3)
  }
  for (const queue of queues.values()) expect(queue.MessageRetentionPeriod).toBe(14 * 24 * 3_600)
})

test('every queue is a dead-letter queue with an alarm on its depth, or has one and an alarm on its oldest message', () => {
  const read = new Set(withRedrive.map(({ id }) => id))
  expect([...queues.keys()].filter((id) => read.has(id) === deadLetterTargets.has(id))).toEqual([])
  for (const id of queues.keys()) {
    expect(alarmsOn(id, 'ApproximateNumberOfMessagesVisible')).toHaveLength(read.has(id) ? 0 : 1)
    expect(alarmsOn(id, 'ApproximateAgeOfOldestMessage')).toHaveLength(read.has(id) ? 1 : 0)
  }
})

test('no queue speaks without TLS', () => {
  const refusing = resourcesOf('AWS::SQS::QueuePolicy')
    .map(([, { Properties }]) => Properties)
    .filter((policy) => JSON.stringify(policy['PolicyDocument']).includes('{"Bool":{"aws:SecureTransport":"false"}}'))
  const covered = refusing.flatMap((policy) => z.array(z.unknown()).parse(policy['Queues']).map(targetOf))
  expect(covered.toSorted()).toEqual([...queues.keys()].toSorted())
})

test('both FIFO queues are per group; only the one that EventBridge writes to deduplicates by content', () => {
  const fifo = withRedrive.filter(({ queue }) => queue.FifoQueue)
  expect(fifo).toHaveLength(2)
  expect(fifo.filter(({ queue }) => queue.ContentBasedDeduplication).map(({ id }) => id)).toEqual([expect.stringMatching(/AttemptEvents/)])
  for (const { queue } of fifo) {
    expect(queue.DeduplicationScope).toBe('messageGroup')
    expect(queue.FifoThroughputLimit).toBe('perMessageGroupId')
  }
})

test('every reader reports single failures, is bounded, and ends six times before its message is seen again', () => {
  expect(sources.map((source) => targetOf(source.EventSourceArn)).toSorted()).toEqual(withRedrive.map(({ id }) => id).toSorted())
  for (const source of sources) {
    expect(source.FunctionResponseTypes).toEqual(['ReportBatchItemFailures'])
    expect(source.BatchSize).toBe(10)
    expect(source.ScalingConfig.MaximumConcurrency).toBeLessThanOrEqual(50)
    const timeout = z.int().parse(template.Resources[targetOf(source.FunctionName)]?.Properties['Timeout'])
    expect(queues.get(targetOf(source.EventSourceArn))?.VisibilityTimeout).toBeGreaterThanOrEqual(6 * timeout)
  }
})

test('a sandbox that stopped is told to attempt-events in one group; other tasks and clusters are not', () => {
  const rule = onlyResource('AWS::Events::Rule').Properties
  expect(rule['EventPattern']).toEqual({
    source: ['aws.ecs'],
    'detail-type': ['ECS Task State Change'],
    detail: {
      clusterArn: [{ 'Fn::GetAtt': [expect.stringMatching(/^SandboxCluster/), 'Arn'] }],
      lastStatus: ['STOPPED'],
      group: ['family:lanekeeper-none', 'family:lanekeeper-ro', 'family:lanekeeper-rw'],
      $or: expect.any(Array),
    },
  })
  expect(rule['Targets']).toMatchObject([
    { Arn: { 'Fn::GetAtt': [expect.stringMatching(/^QueuesAttemptEventsQueue/), 'Arn'] }, SqsParameters: { MessageGroupId: 'ecs-task-state-change' } },
  ])
})

test.each<[string, boolean, Json]>([
  [
    'its runner left with 0',
    false,
    {
      stopCode: 'EssentialContainerExited',
      containers: [
        { name: 'runner', exitCode: 0 },
        { name: 'agent', exitCode: 143 },
      ],
    },
  ],
  [
    'its runner failed',
    true,
    {
      stopCode: 'EssentialContainerExited',
      containers: [
        { name: 'runner', exitCode: 12 },
        { name: 'agent', exitCode: 0 },
      ],
    },
  ],
  ['somebody stopped it', true, { stopCode: 'UserInitiated', containers: [{ name: 'runner', exitCode: 0 }] }],
  ['it never started', true, { stopCode: 'TaskFailedToStart', containers: [{ name: 'runner' }] }],
])('of a sandbox that stopped because %s: told is %s', (_, told, ended) => {
  const { detail } = z.object({ detail: z.object({ $or: Json }) }).parse(onlyResource('AWS::Events::Rule').Properties['EventPattern'])
  expect(matchesPattern({ $or: detail.$or }, ended)).toBe(told)
})

test('the sweep is started every minute, and a missed start is not made up', () => {
  expect(onlyResource('AWS::Scheduler::Schedule').Properties).toMatchObject({
    ScheduleExpression: 'rate(1 minute)',
    FlexibleTimeWindow: { Mode: 'OFF' },
    State: 'ENABLED',
    Target: { Arn: { 'Fn::GetAtt': [expect.stringMatching(/^FunctionssweepFunction/), 'Arn'] }, RetryPolicy: { MaximumRetryAttempts: 0 } },
  })
})

test('the bucket is closed to the public, encrypted, speaks only TLS, and outlives its stack', () => {
  const bucket = onlyResource('AWS::S3::Bucket')
  expect(bucket.DeletionPolicy).toBe('Retain')
  expect(bucket.Properties).toMatchObject({
    PublicAccessBlockConfiguration: { BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true },
    BucketEncryption: { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }] },
    OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
    LifecycleConfiguration: { Rules: [{ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 }, NoncurrentVersionExpiration: { NoncurrentDays: 7 } }] },
  })
  expect(JSON.stringify(onlyResource('AWS::S3::BucketPolicy').Properties)).toContain('{"Bool":{"aws:SecureTransport":"false"}}')
})
