/**
 * Credentials for Bedrock, from STS: a session of the role that may ask Bedrock's Claude models, narrowed by a session policy to the
 * one model of the attempt. What the session may do is what both the role and the policy allow.
 */
import { AssumeRoleCommand, type STSClient } from '@aws-sdk/client-sts'
import { timestamp } from '../../domain/time.ts'
import type { ModelCredentials } from '../ports.ts'

export interface StsModelCredentialsOptions {
  readonly client: STSClient
  /** Of the role to assume. Its partition and account are those of the models. */
  readonly role_arn: string
}

/** The client that is made for it: a heartbeat waits for the answer, and the next one asks again. */
export const sts_client_settings = { maxAttempts: 2, requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000 } } as const

/** What AssumeRole takes; the longest is that of a role which assumes another. */
const duration_min_s = 900
const duration_max_s = 3_600

interface Statement {
  readonly Effect: 'Allow'
  readonly Action: readonly string[]
  readonly Resource: readonly string[]
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>
}
interface Place {
  readonly partition: string
  readonly region: string
  readonly account: string
}

const allow = (Resource: readonly string[], via_profile?: string): Statement => ({
  Effect: 'Allow',
  Action: ['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream'],
  Resource,
  ...(via_profile === undefined ? {} : { Condition: { StringLike: { 'bedrock:InferenceProfileArn': via_profile } } }),
})

/** The agent's own mark for a long context: no part of the model's name. */
const long_context = /\[1m\]$/i
/** How a model may be named. None has room for `*`, `?` or `${`: a name must not widen the policy that it is put into. */
const profile_arn = /^arn:aws[a-z-]*:bedrock:[a-z0-9-]+:\d{12}:(?:application-)?inference-profile\/[A-Za-z0-9._:-]+$/
const bedrock_id = /^(?:([a-z-]+)\.)?(anthropic\.[A-Za-z0-9._:-]+)$/
const anthropic_name = /^claude-[A-Za-z0-9][A-Za-z0-9.-]*$/
const alias = /^(?:haiku|sonnet|opus|fable)$/

/**
 * What may be asked, by the forms in which a model is named. Source: Bedrock user guide, "Prerequisites for inference profiles": who
 * asks through a profile needs the right for the profile and for the model in every region that it leads to, some of which is none.
 */
const statementsFor = (name: string, { partition, region, account }: Place): readonly Statement[] | undefined => {
  const model = name.replace(long_context, '')
  const any_region = `arn:${partition}:bedrock:*::foundation-model`
  const profiles = `arn:${partition}:bedrock:${region}:${account}:inference-profile`
  // Which model is behind the profile, only Bedrock knows.
  if (profile_arn.test(model)) return [allow([model]), allow([`${any_region}/anthropic.*`], model)]
  const [, geography, id] = bedrock_id.exec(model) ?? []
  if (id !== undefined && geography === undefined) return [allow([`arn:${partition}:bedrock:${region}::foundation-model/${id}`])]
  if (id !== undefined) return [allow([`${profiles}/${model}`, `${any_region}/${id}`])]
  // The agent makes these Bedrock's names itself, with a geography and a version that it knows.
  const family = anthropic_name.test(model) ? `anthropic.${model}*` : alias.test(model) ? `anthropic.claude-*${model}*` : undefined
  return family === undefined ? undefined : [allow([`${any_region}/${family}`, `${profiles}/*.${family}`])]
}

export const stsModelCredentials = ({ client, role_arn }: StsModelCredentialsOptions): ModelCredentials => ({
  vend: async ({ run_id, attempt_no, model }, valid_ms) => {
    const region = await client.config.region()
    const [, partition = 'aws', , , account = ''] = role_arn.split(':')
    const statements = statementsFor(model, { partition, region, account })
    if (statements === undefined) return undefined
    const { Credentials } = await client.send(
      new AssumeRoleCommand({
        RoleArn: role_arn,
        // Shown by CloudTrail and Bedrock's logs with every request. Run ids are unique across workspaces; both would be too long.
        RoleSessionName: `${run_id}-${attempt_no}`,
        DurationSeconds: Math.max(duration_min_s, Math.min(duration_max_s, Math.floor(valid_ms / 1_000))),
        Policy: JSON.stringify({ Version: '2012-10-17', Statement: statements }),
      }),
    )
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {}
    if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined || Expiration === undefined)
      throw new Error('AssumeRole answered without credentials')
    const expires_at = timestamp(Expiration.getTime())
    return { region, access_key_id: AccessKeyId, secret_access_key: SecretAccessKey, session_token: SessionToken, expires_at }
  },
})
