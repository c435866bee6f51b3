/**
 * The SDK's clients of the services that every task calls, cut down to what those calls need (docs/decisions). A task makes nearly
 * twenty calls, and an SDK client of the usual make spends more on each than the plane spends on deciding.
 */
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  DynamoDBServiceException,
  TransactionCanceledException,
  type DynamoDBClientConfig,
} from '@aws-sdk/client-dynamodb'
import { ECSClient, type ECSClientConfig } from '@aws-sdk/client-ecs'
import { SQSClient, SQSServiceException, type SQSClientConfig } from '@aws-sdk/client-sqs'
import type { MiddlewareStack } from '@smithy/types'
import * as z from 'zod'
import { speakPlainJson, type ServiceFailure } from './json-protocol.ts'
import { signingHandler, type Identity } from './request-handler.ts'

/** Each command is set up once per kind and not once per call. Our commands bring no middleware of their own, which is what the SDK asks for. */
const settings = { cacheMiddleware: true } as const

/**
 * Logging of nothing, the user agent, a length that Node sets itself, and what the request handler does: choosing a way to sign, signing.
 * What keeps calls right stays: endpoints, repeats, and the trace by which Lambda knows a loop.
 */
const spared = ['loggerMiddleware', 'getUserAgentMiddleware', 'contentLengthMiddleware', 'httpAuthSchemeMiddleware', 'httpSigningMiddleware']

const spare = <I extends object, O extends object>(stack: MiddlewareStack<I, O>): void => {
  for (const name of spared) stack.remove(name)
}

const Cancelled = z.looseObject({ CancellationReasons: z.array(z.looseObject({ Code: z.string().optional(), Message: z.string().nullish() })).default([]) })

const tableException = ({ name, message, fault, body, $metadata }: ServiceFailure): Error => {
  if (name === 'ConditionalCheckFailedException') return new ConditionalCheckFailedException({ message, $metadata })
  if (name !== 'TransactionCanceledException') return new DynamoDBServiceException({ name, $fault: fault, message, $metadata })
  const CancellationReasons = Cancelled.parse(body).CancellationReasons.map(({ Code }) => (Code === undefined ? {} : { Code }))
  return new TransactionCanceledException({ message, $metadata, CancellationReasons })
}

type Settings = Omit<Identity, 'now'>
const identityOf = ({ region, credentials }: Settings): Identity => ({ region, credentials, now: Date.now })

/** A client of DynamoDB for items without binary attributes. */
export const tableClient = (config: DynamoDBClientConfig = {}): DynamoDBClient => {
  const client: DynamoDBClient = new DynamoDBClient({ ...settings, requestHandler: signingHandler('dynamodb', () => identityOf(client.config)), ...config })
  spare(client.middlewareStack)
  speakPlainJson(client.middlewareStack, { target: 'DynamoDB_20120810', exceptionOf: tableException })
  return client
}

/** A client of SQS for messages without binary attributes. */
export const queueClient = (config: SQSClientConfig = {}): SQSClient => {
  const client: SQSClient = new SQSClient({ ...settings, requestHandler: signingHandler('sqs', () => identityOf(client.config)), ...config })
  spare(client.middlewareStack)
  speakPlainJson(client.middlewareStack, {
    target: 'AmazonSQS',
    exceptionOf: ({ name, message, fault, $metadata }) => new SQSServiceException({ name, $fault: fault, message, $metadata }),
  })
  return client
}

/** A client of ECS. Its answers hold times, so their schema is kept. */
export const computeClient = (config: ECSClientConfig = {}): ECSClient => {
  const client: ECSClient = new ECSClient({ ...settings, requestHandler: signingHandler('ecs', () => identityOf(client.config)), ...config })
  spare(client.middlewareStack)
  return client
}
