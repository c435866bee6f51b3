/** What `Ref` and `Fn::GetAtt` give for each kind of resource on this machine. Source: "Return values" of each type in the CloudFormation reference. */
import type { Json } from './template.ts'

/** The AWS account that this machine plays, and where its parts listen. */
export interface Surroundings {
  readonly region: string
  readonly account: string
  readonly stack_name: string
  /** Base URLs without a slash at the end. */
  readonly api_url: string
  readonly sqs_url: string
}

export interface Identity {
  readonly name: string
  readonly ref: string
  /** Empty for what has none. */
  readonly arn: string
  readonly attributes: Readonly<Record<string, string>>
}

type Properties = Readonly<Record<string, Json>>
interface Named {
  readonly logical_id: string
  readonly type: string
  /** Resolved already: names do not refer to other resources. */
  readonly properties: Properties
}

const given = (properties: Properties, key: string): string | undefined => {
  const value = properties[key]
  return typeof value === 'string' ? value : undefined
}
/** The name that CloudFormation would make up, without its random end: it must be the same at the next start. */
const madeUp = (named: Named, around: Surroundings) => `${around.stack_name}-${named.logical_id}`
const arnOf = (around: Surroundings, service: string, rest: string) => `arn:aws:${service}:${around.region}:${around.account}:${rest}`

/** Where a function URL is below the address of the API. */
export const functionUrlPath = (logical_id: string): string => `/function-urls/${logical_id}`

type IdentityOf = (named: Named, around: Surroundings) => Identity
const byArn =
  (service: string, resource_prefix: string, name_property: string): IdentityOf =>
  (named, around) => {
    const name = given(named.properties, name_property) ?? madeUp(named, around)
    const own = arnOf(around, service, `${resource_prefix}${name}`)
    return { name, ref: name, arn: own, attributes: { Arn: own } }
  }

const queue: IdentityOf = (named, around) => {
  const fifo = named.properties['FifoQueue'] === true || named.properties['FifoQueue'] === 'true'
  const name = given(named.properties, 'QueueName') ?? `${madeUp(named, around)}${fifo ? '.fifo' : ''}`
  const url = `${around.sqs_url}/${around.account}/${name}`
  const arn = arnOf(around, 'sqs', name)
  return { name, ref: url, arn, attributes: { Arn: arn, QueueName: name, QueueUrl: url } }
}

const bucket: IdentityOf = (named, around) => {
  const name = given(named.properties, 'BucketName') ?? madeUp(named, around).toLowerCase()
  const arn = `arn:aws:s3:::${name}`
  const domain = { DomainName: `${name}.s3.amazonaws.com`, RegionalDomainName: `${name}.s3.${around.region}.amazonaws.com` }
  return { name, ref: name, arn, attributes: { Arn: arn, ...domain } }
}

const secret: IdentityOf = (named, around) => {
  const name = given(named.properties, 'Name') ?? madeUp(named, around)
  const arn = arnOf(around, 'secretsmanager', `secret:${name}`)
  return { name, ref: arn, arn, attributes: { Id: arn } }
}

const taskDefinition: IdentityOf = (named, around) => {
  const name = given(named.properties, 'Family') ?? madeUp(named, around)
  const arn = arnOf(around, 'ecs', `task-definition/${name}:1`)
  return { name, ref: arn, arn, attributes: { TaskDefinitionArn: arn } }
}

const httpApi: IdentityOf = (named, around) => {
  const ref = named.logical_id.toLowerCase()
  return { name: named.logical_id, ref, arn: '', attributes: { ApiId: ref, ApiEndpoint: around.api_url } }
}

/** All on the API's own port; AWS gives each a name of its own. */
const functionUrl: IdentityOf = (named, around) => {
  const attributes = { FunctionUrl: `${around.api_url}${functionUrlPath(named.logical_id)}/` }
  return { name: named.logical_id, ref: named.logical_id, arn: '', attributes }
}

const identities: Readonly<Record<string, IdentityOf>> = {
  'AWS::ApiGatewayV2::Api': httpApi,
  'AWS::DynamoDB::GlobalTable': byArn('dynamodb', 'table/', 'TableName'),
  'AWS::DynamoDB::Table': byArn('dynamodb', 'table/', 'TableName'),
  'AWS::ECS::Cluster': byArn('ecs', 'cluster/', 'ClusterName'),
  'AWS::ECS::TaskDefinition': taskDefinition,
  'AWS::Events::Rule': byArn('events', 'rule/', 'Name'),
  'AWS::IAM::Role': byArn('iam', 'role/', 'RoleName'),
  'AWS::Lambda::Function': byArn('lambda', 'function:', 'FunctionName'),
  'AWS::Lambda::Url': functionUrl,
  'AWS::S3::Bucket': bucket,
  'AWS::SQS::Queue': queue,
  'AWS::Scheduler::Schedule': byArn('scheduler', 'schedule/default/', 'Name'),
  'AWS::Scheduler::ScheduleGroup': byArn('scheduler', 'schedule-group/', 'Name'),
  'AWS::SecretsManager::Secret': secret,
}

/** The identity of a resource. One that has no meaning here (a role, a subnet) is named by its logical id. */
export const identityOf = (named: Named, around: Surroundings): Identity =>
  identities[named.type]?.(named, around) ?? { name: named.logical_id, ref: named.logical_id, arn: '', attributes: {} }
