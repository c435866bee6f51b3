/** The local stack's queues against another emulator, through the AWS SDK: where both speak, they say the same. */
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
  type Message,
} from '@aws-sdk/client-sqs'
import { buildApp } from 'fauxqs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listen, type HttpHandler } from '../../local/net/listen.ts'
import { provisionQueues } from '../../local/sqs/provision.ts'
import { sqsHandler } from '../../local/sqs/server.ts'
import { system_timers } from '../../local/sqs/timers.ts'
import { resolveStack } from '../../local/template/resolved.ts'
import { Template } from '../../local/template/template.ts'

interface Service {
  readonly url: string
  readonly queues: { readonly standard: string; readonly fifo: string; readonly dead: string; readonly redriven: string }
  close(): Promise<void>
}

const client = (url: string) => new SQSClient({ endpoint: url, region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } })

const local = async (): Promise<Service> => {
  const behind: { handler?: HttpHandler } = {}
  const listener = await listen(async (request, response) => behind.handler?.(request, response))
  const template = Template.parse({
    Resources: {
      Standard: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'standard' } },
      Fifo: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'q.fifo', FifoQueue: true, ContentBasedDeduplication: true } },
      Dead: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'dead' } },
      Redriven: {
        Type: 'AWS::SQS::Queue',
        Properties: { QueueName: 'redriven', RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['Dead', 'Arn'] }, maxReceiveCount: 1 } },
      },
    },
  })
  const around = { region: 'us-east-1', account: '000000000000', stack_name: 'S', api_url: 'http://127.0.0.1:1', sqs_url: listener.url }
  const queues = provisionQueues(resolveStack({ stack_name: 'S', template, assets: new Map() }, {}, around), system_timers)
  behind.handler = sqsHandler(queues)
  const at = (name: string) => queues.get(name)?.settings.url ?? ''
  return { url: listener.url, queues: { standard: at('standard'), fifo: at('q.fifo'), dead: at('dead'), redriven: at('redriven') }, close: listener.close }
}

const other = async (): Promise<Service> => {
  const app = buildApp({ logger: false })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const sqs = client(url)
  const make = async (QueueName: string, Attributes: Record<string, string> = {}) => {
    await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))
    return `${url}/000000000000/${QueueName}`
  }
  const queues = {
    standard: await make('standard'),
    fifo: await make('q.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' }),
    dead: await make('dead'),
    redriven: await make('redriven', { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: 'arn:aws:sqs:us-east-1:000000000000:dead', maxReceiveCount: 1 }) }),
  }
  return {
    url,
    queues,
    close: async () => {
      await app.close()
    },
  }
}

describe.each([
  ['local', local],
  ['fauxqs', other],
] as const)('queues of %s', (_, start) => {
  let service: Service
  let sqs: SQSClient
  beforeAll(async () => {
    service = await start()
    sqs = client(service.url)
  })
  afterAll(async () => {
    sqs.destroy()
    await service.close()
  })

  const receive = async (
    QueueUrl: string,
    more: { MaxNumberOfMessages?: number; WaitTimeSeconds?: number; VisibilityTimeout?: number } = {},
  ): Promise<readonly Message[]> =>
    (await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ['All'], ...more }))).Messages ?? []
  const remove = async (QueueUrl: string, messages: readonly Message[]) => {
    for (const { ReceiptHandle } of messages) await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
  }

  test('a message goes through and is gone when deleted', async () => {
    const { standard: QueueUrl } = service.queues
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'hello ✓', MessageAttributes: { kind: { DataType: 'String', StringValue: 'greeting' } } }))
    const [message] = await receive(QueueUrl)
    expect(message).toMatchObject({ Body: 'hello ✓', Attributes: { ApproximateReceiveCount: '1' } })
    await remove(QueueUrl, message === undefined ? [] : [message])
    expect(await receive(QueueUrl)).toEqual([])
  })

  test('a long poll ends with the message that comes', async () => {
    const { standard: QueueUrl } = service.queues
    const polled = receive(QueueUrl, { WaitTimeSeconds: 20 })
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'awaited' }))
    const messages = await polled
    expect(messages.map(({ Body }) => Body)).toEqual(['awaited'])
    await remove(QueueUrl, messages)
  })

  test('a batch is sent and deleted as one, and visibility 0 gives a message back', async () => {
    const { standard: QueueUrl } = service.queues
    const sent = await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: ['1', '2', '3'].map((Id) => ({ Id, MessageBody: `m${Id}` })) }))
    expect(sent.Successful?.map(({ Id }) => Id)).toEqual(['1', '2', '3'])
    const [first] = await receive(QueueUrl, { MaxNumberOfMessages: 1 })
    await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: first?.ReceiptHandle, VisibilityTimeout: 0 }))
    const all = await receive(QueueUrl)
    expect(new Set(all.map(({ Body }) => Body))).toEqual(new Set(['m1', 'm2', 'm3']))
    expect(all).toHaveLength(3)
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: all.map(({ ReceiptHandle }, at) => ({ Id: String(at), ReceiptHandle })) }))
    const { Attributes: counts } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))
    expect(counts).toMatchObject({ ApproximateNumberOfMessages: '0', ApproximateNumberOfMessagesNotVisible: '0' })
  })

  test('FIFO: order within a group, one receipt at a time, no doubles', async () => {
    const { fifo: QueueUrl } = service.queues
    for (const body of ['a1', 'a2', 'b1', 'a1']) await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body, MessageGroupId: body.slice(0, 1) }))
    const seen: string[] = []
    for (let messages = await receive(QueueUrl); messages.length > 0; messages = await receive(QueueUrl)) {
      expect(await receive(QueueUrl)).toEqual([])
      seen.push(...messages.map(({ Body }) => Body ?? ''))
      await remove(QueueUrl, messages)
    }
    expect(seen.filter((body) => body.startsWith('a'))).toEqual(['a1', 'a2'])
    expect(seen.filter((body) => body.startsWith('b'))).toEqual(['b1'])
  })

  test('a message that was received too often is in the dead-letter queue', async () => {
    const { redriven: QueueUrl, dead } = service.queues
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'bad' }))
    expect(await receive(QueueUrl, { VisibilityTimeout: 0 })).toHaveLength(1)
    expect(await receive(QueueUrl)).toEqual([])
    expect((await receive(dead)).map(({ Body }) => Body)).toEqual(['bad'])
  })

  test('a queue that is not there is named as such', async () => {
    const missing = sqs.send(new SendMessageCommand({ QueueUrl: `${service.url}/000000000000/none`, MessageBody: 'x' }))
    await expect(missing).rejects.toMatchObject({ name: 'QueueDoesNotExist' })
  })
})
