/** The local stack is what the template says: a changed template is a changed stack. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GetQueueAttributesCommand, ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { api, request, type Api } from '../support/api.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { synthesize } from '../../local/template/synth.ts'
import { Template } from '../../local/template/template.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
let folder: string
let stack: TestStack
let plane: Api

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanekeeper-template-'))
  const { folder: synthesized } = await synthesize(root, join(root, '.build', 'cdk'))
  await cp(synthesized, folder, { recursive: true })
  stack = await startStack({ template: folder })
  plane = api(stack)
}, 240_000)
afterAll(async () => {
  await stack.stop()
  await rm(folder, { recursive: true, force: true })
}, 60_000)

/** Edits the template and starts the stack again with it. */
const change = async (edit: (template: Template) => void) => {
  const path = join(folder, 'Lanekeeper.template.json')
  const template = Template.parse(JSON.parse(await readFile(path, 'utf8')))
  edit(template)
  await stack.interrupt()
  await writeFile(path, JSON.stringify(template))
  await stack.restart()
}

/** The properties of the one resource of a type whose logical id holds `part`. */
const propertiesOf = (template: Template, type: string, part: string) => {
  const found = Object.entries(template.Resources).filter(([logical_id, resource]) => resource.Type === type && logical_id.includes(part))
  const [only, ...others] = found
  if (only === undefined || others.length > 0) throw new Error(`${found.length} resources are ${type} with ${part} in their id`)
  return only[1].Properties
}

const queueAttributes = async (part: string) => {
  const sqs = new SQSClient({ endpoint: stack.endpoints.sqs, region: 'us-east-1', credentials })
  const { QueueUrls: urls = [] } = await sqs.send(new ListQueuesCommand({}))
  const QueueUrl = urls.find((url) => url.includes(part))
  const { Attributes: attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))
  sqs.destroy()
  return attributes
}

const indexNames = async () => {
  const dynamodb = new DynamoDBClient({ endpoint: stack.endpoints.dynamodb, region: 'us-east-1', credentials })
  const { Table: table } = await dynamodb.send(new DescribeTableCommand({ TableName: stack.endpoints.table }))
  dynamodb.destroy()
  return table?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName)
}

const defaultModel = async () => {
  const { body } = await request(stack, 'GET', '/v1/agents/defaults')
  return JSON.stringify(body)
}

test('a queue’s attributes and its redrive', async () => {
  const before = await queueAttributes('QueuesDispatchQueue')
  expect(before).toMatchObject({ FifoQueue: 'true', ContentBasedDeduplication: 'false' })
  await change((template) => {
    const queue = propertiesOf(template, 'AWS::SQS::Queue', 'QueuesDispatchQueue')
    queue['VisibilityTimeout'] = 77
    queue['RedrivePolicy'] = { ...z.looseObject({}).parse(queue['RedrivePolicy']), maxReceiveCount: 9 }
  })
  const after = await queueAttributes('QueuesDispatchQueue')
  expect(before['VisibilityTimeout']).not.toBe('77')
  expect(after['VisibilityTimeout']).toBe('77')
  expect(JSON.parse(after['RedrivePolicy'] ?? '')).toMatchObject({ maxReceiveCount: 9 })
})

test('a route', async () => {
  expect((await request(stack, 'GET', '/elsewhere')).body).toMatchObject({ code: 'route_not_found' })
  await change((template) => {
    propertiesOf(template, 'AWS::ApiGatewayV2::Route', 'HttpDefaultRoute')['RouteKey'] = 'ANY /v1/{proxy+}'
  })
  expect(await request(stack, 'GET', '/elsewhere')).toEqual({ status: 404, body: { message: 'Not Found' } })
  expect((await request(stack, 'GET', '/v1/agents')).status).toBe(200)
})

test('a value in a function’s environment, and the default of a parameter in it', async () => {
  await change((template) => {
    const parameter = template.Parameters['DefaultModel']
    if (parameter !== undefined) parameter.Default = 'model-of-the-changed-template'
  })
  expect(await defaultModel()).toContain('model-of-the-changed-template')
  await change((template) => {
    const environment = propertiesOf(template, 'AWS::Lambda::Function', 'Functionsapi')
    const text = JSON.stringify(environment['Environment']).replaceAll('${DefaultModel}', 'model-written-out')
    environment['Environment'] = z.json().parse(JSON.parse(text))
  })
  expect(await defaultModel()).toContain('model-written-out')
})

test('an index that was added', async () => {
  const before = (await indexNames()) ?? []
  await change((template) => {
    const table = propertiesOf(template, 'AWS::DynamoDB::GlobalTable', 'Table')
    const indexes = z.array(z.json()).parse(table['GlobalSecondaryIndexes'])
    const added = {
      IndexName: 'by_sort_key',
      KeySchema: [
        { AttributeName: 'sk', KeyType: 'HASH' },
        { AttributeName: 'pk', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'KEYS_ONLY' },
    }
    table['GlobalSecondaryIndexes'] = [...indexes, added]
  })
  expect(new Set(await indexNames())).toEqual(new Set([...before, 'by_sort_key']))
})

test('an event source that was turned off, and what was accepted then is done once it is on again', async () => {
  const agent = await plane.createAgent('patient', { runner: 'process', command: ['true'] })
  const setEnabled = (enabled: boolean) =>
    change((template) => void (propertiesOf(template, 'AWS::Lambda::EventSourceMapping', 'Functionsdispatch')['Enabled'] = enabled))
  await setEnabled(false)
  const { task } = await plane.accept({ agent_id: agent.id, message: 'wait' })
  expect(await queueAttributes('QueuesDispatchQueue')).toMatchObject({ ApproximateNumberOfMessages: '1' })
  expect((await plane.task(task.id)).state).toBe('queued')
  await setEnabled(true)
  // The message is gone with the stack that had it. The sweep looks at what is due, and the next command rings for the same class.
  const next = await plane.accept({ agent_id: agent.id, message: 'now' })
  for (const id of [task.id, next.task.id]) await expect.poll(async () => (await plane.task(id)).state, { timeout: 60_000, interval: 100 }).toBe('done')
})

test('a resource that the local stack cannot run is named, and the stack does not start', async () => {
  const unknown = change((template) => {
    template.Resources['Surprise'] = { Type: 'AWS::Kinesis::Stream', Properties: {} }
  })
  await expect(unknown).rejects.toThrow(/AWS::Kinesis::Stream \(Surprise\)/)
})
