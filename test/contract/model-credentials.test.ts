import { STSClient, STSServiceException } from '@aws-sdk/client-sts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { stsModelCredentials } from '../../shared/ports/aws/model-credentials.ts'
import type { ModelCredentials } from '../../shared/ports/ports.ts'
import { startScriptedServer, type Answer, type ScriptedServer } from '../support/scripted-server.ts'

const attempt = { workspace_id: 'ws_01J8ZQ4M2N3P4Q5R6S7T8V9WXY', run_id: 'run_01J8ZQ4M2N3P4Q5R6S7T8V9WXY', attempt_no: 3 }
const role_arn = 'arn:aws:iam::123456789012:role/lanekeeper-model'
const hour_ms = 3_600_000

const xml = (body: string): Answer => ({ headers: { 'content-type': 'text/xml' }, body })
const session = xml(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
  <AccessKeyId>ASIAGIVEN</AccessKeyId><SecretAccessKey>given-secret</SecretAccessKey><SessionToken>given-token</SessionToken>
  <Expiration>2026-11-22T10:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)

let server: ScriptedServer
let client: STSClient
let credentials: ModelCredentials
beforeAll(async () => {
  server = await startScriptedServer()
  client = new STSClient({ endpoint: server.url, region: 'eu-central-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, maxAttempts: 1 })
  credentials = stsModelCredentials({ client, role_arn })
})
afterAll(async () => {
  client.destroy()
  await server.stop()
})

const Policy = z.strictObject({
  Version: z.literal('2012-10-17'),
  Statement: z.array(
    z.strictObject({ Effect: z.literal('Allow'), Action: z.array(z.string()), Resource: z.array(z.string()), Condition: z.unknown().optional() }),
  ),
})
/** The form that STS was sent. */
const asked = (): URLSearchParams => new URLSearchParams(z.string().parse(server.asked.at(-1)?.body))
const policyFor = async (model: string) => {
  server.answerBy(() => session)
  expect(await credentials.vend({ ...attempt, model }, hour_ms)).toBeDefined()
  return Policy.parse(JSON.parse(asked().get('Policy') ?? ''))
}
const resourcesFor = async (model: string) => (await policyFor(model)).Statement.flatMap((statement) => statement.Resource)

test('a session of the role, named after the attempt, is vended for as long as was asked', async () => {
  server.answerBy(() => session)
  expect(await credentials.vend({ ...attempt, model: 'claude-sonnet-5' }, hour_ms)).toEqual({
    region: 'eu-central-1',
    access_key_id: 'ASIAGIVEN',
    secret_access_key: 'given-secret',
    session_token: 'given-token',
    expires_at: '2026-11-22T10:00:00.000Z',
  })
  const form = asked()
  expect(form.get('Action')).toBe('AssumeRole')
  expect(form.get('RoleArn')).toBe(role_arn)
  expect(form.get('RoleSessionName')).toBe(`${attempt.run_id}-3`)
  expect(form.get('DurationSeconds')).toBe('3600')
})

test('the duration stays within what STS takes', async () => {
  const durations: (string | null)[] = []
  for (const valid_ms of [1_000, 2_000_500, 10 * hour_ms]) {
    await credentials.vend({ ...attempt, model: 'sonnet' }, valid_ms)
    durations.push(asked().get('DurationSeconds'))
  }
  expect(durations).toEqual(['900', '2000', '3600'])
})

test('the session may ask the model and do nothing else', async () => {
  for (const { Action } of (await policyFor('claude-sonnet-5')).Statement) {
    expect(Action).toEqual(['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream'])
  }
})

const any_region = 'arn:aws:bedrock:*::foundation-model'
const profiles = 'arn:aws:bedrock:eu-central-1:123456789012:inference-profile'
test.each([
  ['claude-sonnet-5', [`${any_region}/anthropic.claude-sonnet-5*`, `${profiles}/*.anthropic.claude-sonnet-5*`]],
  ['claude-sonnet-5[1m]', [`${any_region}/anthropic.claude-sonnet-5*`, `${profiles}/*.anthropic.claude-sonnet-5*`]],
  ['sonnet', [`${any_region}/anthropic.claude-*sonnet*`, `${profiles}/*.anthropic.claude-*sonnet*`]],
  ['anthropic.claude-sonnet-5-v1:0', ['arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-sonnet-5-v1:0']],
  ['eu.anthropic.claude-sonnet-5-v1:0', [`${profiles}/eu.anthropic.claude-sonnet-5-v1:0`, `${any_region}/anthropic.claude-sonnet-5-v1:0`]],
  ['global.anthropic.claude-sonnet-5', [`${profiles}/global.anthropic.claude-sonnet-5`, `${any_region}/anthropic.claude-sonnet-5`]],
])('%s is narrowed to itself', async (model, resources) => {
  expect(await resourcesFor(model)).toEqual(resources)
})

test('what is behind a profile of the account’s own may be asked through that profile only', async () => {
  const profile = 'arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc123'
  const { Statement } = await policyFor(profile)
  expect(Statement.map(({ Resource, Condition }) => ({ Resource, Condition }))).toEqual([
    { Resource: [profile], Condition: undefined },
    { Resource: [`${any_region}/anthropic.*`], Condition: { StringLike: { 'bedrock:InferenceProfileArn': profile } } },
  ])
})

const unknown_names = [
  '*',
  'claude-*',
  'claude-?',
  '${aws:username}',
  'a',
  'claude',
  'opusplan',
  'anthropic.*',
  'anthropic.claude", "x',
  'amazon.nova-pro-v1:0',
  ' ',
  '',
]
const unknown_arns = [
  'arn:aws:bedrock:*:123456789012:inference-profile/*',
  'arn:aws:bedrock:eu-central-1:123456789012:inference-profile/*',
  'arn:aws:s3:::bucket',
]
test.each([...unknown_names, ...unknown_arns])('no credentials for %j, which names no model of Claude on Bedrock', async (model) => {
  server.answerBy(() => session)
  expect(await credentials.vend({ ...attempt, model }, hour_ms)).toBeUndefined()
  expect(server.asked).toEqual([])
})

test('the partition and the account are the role’s', async () => {
  server.answerBy(() => session)
  const gov = stsModelCredentials({ client, role_arn: 'arn:aws-us-gov:iam::210987654321:role/x' })
  await gov.vend({ ...attempt, model: 'us-gov.anthropic.claude-sonnet-5' }, hour_ms)
  expect(Policy.parse(JSON.parse(asked().get('Policy') ?? '')).Statement[0]?.Resource).toEqual([
    'arn:aws-us-gov:bedrock:eu-central-1:210987654321:inference-profile/us-gov.anthropic.claude-sonnet-5',
    'arn:aws-us-gov:bedrock:*::foundation-model/anthropic.claude-sonnet-5',
  ])
})

test('a refusal of STS is thrown, and so is an answer without credentials', async () => {
  server.answerBy(() => ({
    ...xml(
      '<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to perform sts:AssumeRole</Message></Error></ErrorResponse>',
    ),
    status: 403,
  }))
  await expect(credentials.vend({ ...attempt, model: 'sonnet' }, hour_ms)).rejects.toThrow(STSServiceException)
  server.answerBy(() => xml('<AssumeRoleResponse><AssumeRoleResult></AssumeRoleResult></AssumeRoleResponse>'))
  await expect(credentials.vend({ ...attempt, model: 'sonnet' }, hour_ms)).rejects.toThrow('without credentials')
})
