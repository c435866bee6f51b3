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
  readonly ref: Json
  readonly attributes: Readonly<Record<string, Json>>
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
const arn = (around: Surroundings, service: string, rest: string) => `arn:aws:${service}:${around.region}:${around.account}:${rest}`

type IdentityOf = (named: Named, around: Surroundings) => Identity
const byArn =
  (
    service: string,
    resource_prefix: string,
    name_property: string,
    more?: (name: string, around: Surroundings) => Readonly<Record<string, Json>>,
  ): IdentityOf =>
  (named, around) => {
    const name = given(named.properties, name_property) ?? madeUp(named, around)
    return { name, ref: name, attributes: { Arn: arn(around, service, `${resource_prefix}${name}`), ...more?.(name, around) } }
  }

const queue: IdentityOf = (named, around) => {
  const fifo = named.properties['FifoQueue'] === true || named.properties['FifoQueue'] === 'true'
  const name = given(named.properties, 'QueueName') ?? `${madeUp(named, around)}${fifo ? '.fifo' : ''}`
  const url = `${around.sqs_url}/${around.account}/${name}`
  return { name, ref: url, attributes: { Arn: arn(around, 'sqs', name), QueueName: name, QueueUrl: url } }
}

const bucket: IdentityOf = (named, around) => {
  const name = given(named.properties, 'BucketName') ?? madeUp(named, around).toLowerCase()
  return {
    name,
    ref: name,
    attributes: { Arn: `arn:aws:s3:::${name}`, DomainName: `${name}.s3.amazonaws.com`, RegionalDomainName: `${name}.s3.${around.region}.amazonaws.com` },
  }
}

const secret: IdentityOf = (named, around) => {
  const name = given(named.properties, 'Name') ?? madeUp(named, around)
  const secret_arn = arn(around, 'secretsmanager', `secret:${name}`)
  return { name, ref: secret_arn, attributes: { Id: secret_arn } }
}

const taskDefinition: IdentityOf = (named, around) => {
  const name = given(named.properties, 'Family') ?? madeUp(named, around)
  const definition_arn = arn(around, 'ecs', `task-definition/${name}:1`)
  return { name, ref: definition_arn, attributes: { TaskDefinitionArn: definition_arn } }
}

const httpApi: IdentityOf = (named, around) => ({
  name: named.logical_id,
  ref: named.logical_id.toLowerCase(),
  attributes: { ApiId: named.logical_id.toLowerCase(), ApiEndpoint: around.api_url },
})

const identities: Readonly<Record<string, IdentityOf>> = {
  'AWS::ApiGatewayV2::Api': httpApi,
  'AWS::DynamoDB::GlobalTable': byArn('dynamodb', 'table/', 'TableName'),
  'AWS::DynamoDB::Table': byArn('dynamodb', 'table/', 'TableName'),
  'AWS::ECS::Cluster': byArn('ecs', 'cluster/', 'ClusterName'),
  'AWS::ECS::TaskDefinition': taskDefinition,
  'AWS::Events::Rule': byArn('events', 'rule/', 'Name'),
  'AWS::IAM::Role': byArn('iam', 'role/', 'RoleName'),
  'AWS::Lambda::Function': byArn('lambda', 'function:', 'FunctionName'),
  'AWS::S3::Bucket': bucket,
  'AWS::SQS::Queue': queue,
  'AWS::Scheduler::Schedule': byArn('scheduler', 'schedule/default/', 'Name'),
  'AWS::SecretsManager::Secret': secret,
}

/** The identity of a resource. One that has no meaning here (a role, a subnet) is named by its logical id. */
export const identityOf = (named: Named, around: Surroundings): Identity =>
  identities[named.type]?.(named, around) ?? { name: named.logical_id, ref: named.logical_id, attributes: {} }
