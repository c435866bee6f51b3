/** The environment variables that the Lambda runtime gives a function on AWS, and the addresses that here stand for AWS itself. */

export interface Endpoints {
  readonly dynamodb: string
  readonly sqs: string
  readonly s3: string
  readonly ecs: string
  readonly scheduler: string
}

/** Discard: a call of a service that the stack does not run fails at once, and never reaches the real AWS. */
const nowhere = 'http://127.0.0.1:9'

export const runtimeEnvironment = (
  endpoints: Endpoints,
  region: string,
  credentials: { readonly access_key_id: string; readonly secret_access_key: string },
) => ({
  AWS_REGION: region,
  AWS_DEFAULT_REGION: region,
  AWS_ACCESS_KEY_ID: credentials.access_key_id,
  AWS_SECRET_ACCESS_KEY: credentials.secret_access_key,
  AWS_ENDPOINT_URL: nowhere,
  AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
  AWS_ENDPOINT_URL_SQS: endpoints.sqs,
  AWS_ENDPOINT_URL_S3: endpoints.s3,
  AWS_ENDPOINT_URL_ECS: endpoints.ecs,
  AWS_ENDPOINT_URL_SCHEDULER: endpoints.scheduler,
  // Whatever the user has configured for AWS is not for this stack.
  AWS_CONFIG_FILE: '/nonexistent',
  AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
  AWS_EC2_METADATA_DISABLED: 'true',
  POWERTOOLS_TRACE_ENABLED: 'false',
  TZ: 'UTC',
})
