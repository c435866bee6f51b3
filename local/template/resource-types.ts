/** Which resource types of the template the local stack runs, and which it may leave out. This list is the only place that says so. */

/** Run by a part of `local/`. */
export const emulated_types = [
  'AWS::ApiGatewayV2::Api',
  'AWS::ApiGatewayV2::Integration',
  'AWS::ApiGatewayV2::Route',
  'AWS::ApiGatewayV2::Stage',
  'AWS::DynamoDB::GlobalTable',
  'AWS::DynamoDB::Table',
  'AWS::ECS::Cluster',
  'AWS::ECS::TaskDefinition',
  'AWS::Events::Rule',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Lambda::Function',
  'AWS::Lambda::Url',
  'AWS::S3::Bucket',
  'AWS::SQS::Queue',
  'AWS::Scheduler::Schedule',
  'AWS::Scheduler::ScheduleGroup',
  'AWS::SecretsManager::Secret',
] as const
export type EmulatedType = (typeof emulated_types)[number]

/** Permissions, networks, alarms and what CDK adds for itself mean nothing on one machine. A prefix ends in `::`. */
const ignored_types = [
  'AWS::ApplicationAutoScaling::',
  'AWS::CDK::Metadata',
  'AWS::CloudWatch::',
  'AWS::EC2::',
  'AWS::ECS::ClusterCapacityProviderAssociations',
  'AWS::IAM::',
  'AWS::KMS::',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::Lambda::Permission',
  'AWS::Logs::',
  'AWS::S3::BucketPolicy',
  'AWS::SNS::',
  'AWS::SQS::QueuePolicy',
  'AWS::SecretsManager::ResourcePolicy',
  'AWS::SecretsManager::RotationSchedule',
  'AWS::XRay::',
  'Custom::',
]

const emulated: ReadonlySet<string> = new Set(emulated_types)
const isIgnored = (type: string) => ignored_types.some((ignored) => (ignored.endsWith('::') ? type.startsWith(ignored) : type === ignored))

/** Throws, naming each resource, if the template holds a type that is neither run nor known to be harmless to leave out. */
export const refuseUnknownTypes = (resources: Readonly<Record<string, { readonly Type: string }>>): void => {
  const unknown = Object.entries(resources).filter(([, { Type }]) => !emulated.has(Type) && !isIgnored(Type))
  if (unknown.length === 0) return
  const named = unknown.map(([logical_id, { Type }]) => `  ${Type} (${logical_id})`).join('\n')
  throw new Error(
    `the template holds resources that the local stack cannot run:\n${named}\nAdd a part for it under local/, or list it as ignored in local/template/resource-types.ts.`,
  )
}
